"""What a server answers over HTTP, and what it does when clients leave."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from slmtape import (
    CheckError,
    FakeLLMServer,
)
from slmtape.errors import ClientGone, EngineError, ServerStopped
from tests.support import MESSAGE, EchoEngine, ask, chat, connection, post, read_until

Serve = Callable[..., FakeLLMServer]


# Answers


def test_live_and_replayed_answers_are_the_same_bytes(serve: Serve, tmp_path: Path) -> None:
    server = serve(cache=tmp_path / "cassettes")
    for options in ({}, {"stream": True}, {"stream": True, "n": 3}, {"n": 2}):
        body = chat(f"say {len(options)} {options}", **options)
        live, replayed = (ask(server.base_url, body) for _ in range(2))
        assert live.status == 200
        assert live.body == replayed.body
    assert [call.replayed for call in server.calls] == [False, True] * 4


def test_a_stream_replays_what_a_plain_call_recorded(recorded: FakeLLMServer) -> None:
    events = ask(recorded.base_url, chat("say this again", stream=True)).events
    pieces = [event["choices"][0]["delta"].get("content") for event in events[1:-1]]
    assert pieces == ["say", " this", " again"]


def test_a_plain_call_replays_what_a_stream_recorded(serve: Serve, tmp_path: Path) -> None:
    server = serve(cache=tmp_path / "cassettes")
    ask(server.base_url, chat("one two", stream=True))
    assert ask(server.base_url, chat("one two")).json["choices"][0]["message"]["content"] == (
        "one two"
    )
    assert server.calls.last.replayed


def test_aliases_answer_under_the_name_that_was_asked_for(serve: Serve, tmp_path: Path) -> None:
    server = serve(cache=tmp_path / "cassettes", aliases={"gpt-4o-mini": "echo"})
    for name in ("echo", "gpt-4o-mini"):
        assert ask(server.base_url, chat("hello", model=name)).json["model"] == name
    assert [call.replayed for call in server.calls] == [False, True]
    unknown = ask(server.base_url, chat("hello", model="gpt-17"))
    assert unknown.status == 404
    assert unknown.error["code"] == "model_not_found"
    assert "echo, gpt-4o-mini" in unknown.error["message"]


def test_the_star_answers_any_name(serve: Serve) -> None:
    server = serve(aliases={"*": "echo"})
    assert ask(server.base_url, chat("hello", model="any/thing")).json["model"] == "any/thing"


def test_models_are_listed(serve: Serve) -> None:
    server = serve(aliases={"gpt-4o-mini": "echo", "*": "echo"})
    listed = ask(server.base_url, b"", method="GET", path="/models").json
    assert [model["id"] for model in listed["data"]] == ["echo", "gpt-4o-mini"]
    for name in ("echo", "gpt-4o-mini", "owner/name"):
        one = ask(server.base_url, b"", method="GET", path=f"/models/{name}").json
        assert one == {"id": name, "object": "model", "created": one["created"]} | {
            "owned_by": "slmtape"
        }


def test_a_model_that_is_not_served_is_not_found(serve: Serve) -> None:
    reply = ask(serve().base_url, b"", method="GET", path="/models/gpt-17")
    assert reply.status == 404
    assert (reply.error["code"], reply.error["param"]) == ("model_not_found", "model")


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("POST", "/nonsense", 404, "Invalid URL (POST /v1/nonsense)"),
        ("GET", "/chat/completions/", 404, "Invalid URL (GET /v1/chat/completions/)"),
        ("PUT", "/chat/completions", 405, "Not allowed to PUT on /v1/chat/completions"),
        ("DELETE", "/models", 405, "Not allowed to DELETE on /v1/models"),
    ],
)
def test_unknown_paths_and_methods_get_the_envelope(
    serve: Serve, method: str, path: str, status: int, words: str
) -> None:
    reply = ask(serve().base_url, b"", method=method, path=path)
    assert reply.status == status
    assert words in reply.error["message"]
    assert reply.error["type"] == "invalid_request_error"
    assert reply.error["code"] == (None if status == 404 else "method_not_supported")
    assert ("allow" in reply.headers) == (status == 405)


def test_a_mistake_of_our_own_is_told_and_not_retried(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    server = serve()
    monkeypatch.setattr("slmtape.replay.key", lambda _: 1 / 0)
    reply = ask(server.base_url, chat("hello"))
    assert reply.status == 500
    assert reply.error["type"] == "server_error"
    assert "ZeroDivisionError" in reply.error["message"]
    assert server.calls.last.seconds is not None
    with pytest.raises(CheckError, match="ZeroDivisionError"):
        server.check()


def test_paths_outside_the_api_get_the_envelope(serve: Serve) -> None:
    server = serve()
    for path in ("/", "/docs", "/openapi.json", "/v1"):
        reply = ask(server.base_url.removesuffix("/v1"), b"", method="GET", path=path)
        assert reply.status == 404
        assert "Invalid URL" in reply.error["message"]


def test_a_body_over_the_limit_is_refused_after_it_was_read(serve: Serve) -> None:
    server = serve(max_body=1000)
    assert ask(server.base_url, chat("x" * 800)).status == 200
    reply = ask(server.base_url, chat("x" * 3_000_000))
    assert reply.status == 413
    assert "at most 1000 are taken" in reply.error["message"]


def test_malformed_bodies_get_the_envelope(serve: Serve) -> None:
    server = serve()
    assert ask(server.base_url, b"{").error["type"] == "invalid_request_error"
    plain = ask(server.base_url, chat("x"), headers={"content-type": "text/plain"})
    assert plain.error["code"] == "unsupported_content_type"
    server.check()  # a client's mistakes are not the server's


def test_an_engine_that_fails_is_told_and_not_retried(serve: Serve) -> None:
    server = serve()
    for options in ({}, {"stream": True}):
        reply = ask(server.base_url, chat("fail now", **options))
        assert reply.status == 400
        assert reply.error["code"] == "engine_error"
    with pytest.raises(CheckError, match="2 requests could not be answered") as caught:
        server.check()
    assert all(isinstance(error, EngineError) for error in caught.value.failures)


def test_connections_are_kept(serve: Serve) -> None:
    server = serve()
    with connection(server) as client:
        for _ in range(3):
            client.sendall(post(b"{}"))
            assert client.recv(65536).startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize("offer", ["Upgrade: h2c", "UPGRADE: websocket"])
def test_an_offer_of_another_protocol_is_overheard(serve: Serve, offer: str) -> None:
    server = serve()
    with connection(server) as client:
        for _ in range(2):
            body = b'{"model":"echo","messages":[%s]}' % MESSAGE
            client.sendall(post(body, offer, "Connection: Upgrade, HTTP2-Settings"))
            seen = read_until(client, b'"total_tokens"')
            assert seen.startswith(b"HTTP/1.1 200")
            assert b"first second third" in seen


def test_clients_at_the_same_time_are_all_answered(serve: Serve, tmp_path: Path) -> None:
    server = serve(cache=tmp_path / "cassettes")

    def one(number: int) -> str:
        said = ask(server.base_url, chat(f"number {number % 10}")).json
        return str(said["choices"][0]["message"]["content"])

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(one, range(80))) == [f"number {number % 10}" for number in range(80)]
    assert len(list((tmp_path / "cassettes").rglob("*.json"))) == 10


# Streams and clients that leave


def test_a_live_answer_streams_as_it_is_said(serve: Serve, echo: EchoEngine) -> None:
    server = serve()
    echo.hold()
    with connection(server) as client:
        client.sendall(post(b'{"model":"echo","stream":true,"messages":[%s]}' % MESSAGE))
        echo.allow(1)
        read_until(client, b'"content":"first"')
        echo.allow(2)
        read_until(client, b"data: [DONE]")


@pytest.mark.parametrize("stream", [b"true", b"false"])
def test_a_client_that_leaves_stops_the_generation_and_nothing_is_recorded(
    serve: Serve, echo: EchoEngine, tmp_path: Path, stream: bytes
) -> None:
    server = serve(cache=tmp_path / "cassettes")
    echo.hold()
    with connection(server) as client:
        client.sendall(post(b'{"model":"echo","stream":%s,"messages":[%s]}' % (stream, MESSAGE)))
        assert echo.started.wait(10)
    assert echo.closed.wait(10)
    server.stop()
    assert not list(tmp_path.rglob("*.json"))
    assert isinstance(server.calls.last.error, ClientGone)
    server.check()


def test_stopping_ends_what_is_asked_at_once(
    serve: Serve, echo: EchoEngine, tmp_path: Path
) -> None:
    server = serve(cache=tmp_path / "cassettes")
    echo.hold()
    with connection(server) as client:
        client.sendall(post(b'{"model":"echo","messages":[%s]}' % MESSAGE))
        assert echo.started.wait(10)
        stops = [threading.Thread(target=server.stop) for _ in range(3)]
        for stop in stops:
            stop.start()
        for stop in stops:
            stop.join(10)
            assert not stop.is_alive()
        assert echo.closed.is_set()
        assert b"first" not in client.recv(65536)
    with pytest.raises(ConnectionRefusedError):
        connection(server)
    [call] = server.calls
    assert isinstance(call.error, ServerStopped)
    assert call.seconds is not None
    assert not list(tmp_path.rglob("*.json"))


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("path", "body", "param", "words"),
    [
        ("/chat/completions", chat("too long"), "messages", "your messages resulted in 8 tokens"),
        ("/completions", {"prompt": "too long"}, "prompt", "you requested 8 tokens in your prompt"),
        ("/responses", {"input": "too long"}, "input", "Your input exceeds the context window"),
    ],
)
def test_each_api_has_its_words_for_a_context_that_is_too_long(
    serve: Serve, echo: EchoEngine, path: str, body: Any, param: str, words: str, stream: bool
) -> None:
    echo.limit = 7
    reply = ask(serve().base_url, body | {"model": "echo", "stream": stream}, path=path)
    assert (reply.status, reply.error["code"]) == (400, "context_length_exceeded")
    assert reply.error["param"] == param
    assert words in reply.error["message"]


# What goes on after the client was answered


def background(server: FakeLLMServer, text: str, **fields: Any) -> str:
    """The id of a response that is generated in the background."""
    body = {"model": "echo", "input": text, "background": True, **fields}
    reply = ask(server.base_url, body, path="/responses")
    assert reply.json["status"] == "queued"
    return str(reply.json["id"])


def finished(server: FakeLLMServer, name: str) -> Any:
    """The response, once it is neither queued nor under way."""
    while True:
        told = ask(server.base_url, b"", method="GET", path=f"/responses/{name}").json
        if told["status"] not in ("queued", "in_progress"):
            return told


def test_a_background_mistake_is_told_as_in_the_foreground(serve: Serve, echo: EchoEngine) -> None:
    echo.limit = 7
    server = serve()
    told = finished(server, background(server, "too long"))
    assert told["status"] == "failed"
    assert "Your input exceeds the context window" in told["error"]["message"]
    server.check()  # what a client did wrong may be what the test is about


def test_a_background_miss_is_told_once(recorded: FakeLLMServer) -> None:
    body = {"model": "echo", "input": "never asked", "background": True}
    assert ask(recorded.base_url, body | {"stream": True}, path="/responses").status == 400
    assert finished(recorded, background(recorded, "nor this"))["status"] == "failed"
    with pytest.raises(CheckError, match="2 requests"):
        recorded.check()


def test_a_cancelled_response_stops_its_model_and_its_call_has_an_end(
    serve: Serve, echo: EchoEngine
) -> None:
    echo.hold()
    server = serve()
    name = background(server, "one two three")
    assert echo.started.wait(10)
    ask(server.base_url, b"{}", path=f"/responses/{name}/cancel")
    assert echo.closed.wait(10)
    assert finished(server, name)["status"] == "cancelled"
    [call] = server.calls
    assert call.error is not None
    assert call.seconds is not None
    server.check()


def test_what_a_stop_cuts_off_is_told_by_its_reason_and_no_failure(
    serve: Serve, echo: EchoEngine
) -> None:
    echo.hold()
    server = serve()
    background(server, "one two three")
    assert echo.started.wait(10)
    server.stop()
    [call] = server.calls
    assert isinstance(call.error, ServerStopped)
    assert "The server was stopped" in call.error.message
    server.check()


# Headers


def test_every_answer_has_the_headers_that_clients_read(serve: Serve, tmp_path: Path) -> None:
    server = serve(cache=tmp_path / "cassettes", api_key="sk-right")
    key = {"authorization": "Bearer sk-right"}
    replies = [
        ask(server.base_url, chat("hi"), headers=key),
        ask(server.base_url, chat("hi", stream=True), headers=key),
        ask(server.base_url, chat("hi", n=0), headers=key),
        ask(server.base_url, chat("hi"), headers={"authorization": "Bearer sk-wrong"}),
        ask(server.base_url, b"", path="/nowhere"),
        ask(server.base_url, b"", method="GET", path="/models", headers=key),
    ]
    assert [reply.status for reply in replies] == [200, 200, 400, 401, 404, 200]
    for reply in replies:
        assert reply.headers["openai-version"] == "2020-10-01"
        assert reply.headers["openai-organization"] == "slmtape"
        assert int(reply.headers["openai-processing-ms"]) >= 0
        assert reply.headers["x-ratelimit-remaining-requests"] == "9999"
    assert len({reply.headers["x-request-id"] for reply in replies}) == len(replies)
    told = [reply.headers.get("x-slmtape-replayed") for reply in replies]
    assert told == ["false", "true", None, None, None, None]
    assert replies[0].headers["x-slmtape-key"] == server.calls[0].keys[0]


def test_a_miss_names_the_key_in_a_header(recorded: FakeLLMServer) -> None:
    missed = ask(recorded.base_url, chat("never asked"))
    assert missed.error["code"] == "recording_not_found"
    assert missed.headers["x-slmtape-key"] in missed.error["message"]


@pytest.mark.parametrize(
    ("headers", "code", "words"),
    [
        ({}, None, "You didn't provide an API key"),
        ({"authorization": "Basic x"}, None, "You didn't provide an API key"),
        ({"authorization": "Bearer"}, None, "You didn't provide an API key"),
        ({"authorization": "Bearer sk-wrong"}, "invalid_api_key", "provided: sk-wrong."),
        (
            {"authorization": "Bearer sk-0123456789abcdef"},
            "invalid_api_key",
            "provided: sk-0***********cdef.",
        ),
    ],
)
def test_a_key_is_asked_for_where_the_server_was_given_one(
    serve: Serve, headers: dict[str, str], code: str | None, words: str
) -> None:
    server = serve(api_key="sk-right")
    assert server.openai_client_args()["api_key"] == "sk-right"
    for path in ("/chat/completions", "/responses", "/embeddings", "/conversations"):
        reply = ask(server.base_url, chat("hi"), path=path, headers=headers)
        assert (reply.status, reply.error["code"]) == (401, code)
        assert words in reply.error["message"]
    assert ask(serve().base_url, chat("hi"), headers=headers).status == 200


def test_a_page_in_a_browser_may_ask(serve: Serve) -> None:
    server = serve(api_key="sk-right")
    for path in ("/chat/completions", "/responses", "/models"):
        before = ask(server.base_url, b"", method="OPTIONS", path=path)
        assert before.status == 204
        assert before.headers["access-control-allow-origin"] == "*"
        assert "Authorization" in before.headers["access-control-allow-headers"]
    reply = ask(server.base_url, chat("hi"), headers={"authorization": "Bearer sk-right"})
    assert reply.headers["access-control-allow-origin"] == "*"
