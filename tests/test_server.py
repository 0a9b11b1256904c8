"""`FakeLLMServer`: its life, its modes, what it answers over HTTP and what it remembers."""

import gc
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from slmtape import (
    CassetteError,
    CheckError,
    ConfigurationError,
    FakeLLMServer,
    Mode,
    RecordingNotFound,
)
from slmtape.errors import ClientGone, EngineError, ServerStopped
from tests.support import ROOT, EchoEngine, ask, chat

Serve = Callable[..., FakeLLMServer]


def connection(server: FakeLLMServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=30)


def post(body: bytes, *headers: str, path: str = "/v1/chat/completions") -> bytes:
    """A request as it goes over the wire."""
    lines = [f"POST {path} HTTP/1.1", "host: x", "content-type: application/json", *headers]
    return "\r\n".join([*lines, f"content-length: {len(body)}", "", ""]).encode() + body


# Life


def test_it_listens_when_the_constructor_returns(serve: Serve) -> None:
    server = serve()
    with connection(server):
        pass
    assert server.base_url == f"http://127.0.0.1:{server.port}/v1"


def test_stopping_closes_the_port_and_is_idempotent(serve: Serve) -> None:
    server = serve()
    server.stop()
    server.stop()
    with pytest.raises(ConnectionRefusedError):
        connection(server)


def test_stopping_ends_the_threads(serve: Serve) -> None:
    before = set(threading.enumerate())
    server = serve()
    ask(server.base_url, chat("hello"))
    server.stop()
    assert set(threading.enumerate()) <= before


def test_a_port_that_is_taken_is_told(serve: Serve) -> None:
    server = serve()
    with pytest.raises(ConfigurationError, match=f"127.0.0.1:{server.port}"):
        serve(port=server.port)


def test_a_port_can_be_used_again_at_once(serve: Serve) -> None:
    port = 0
    for _ in range(3):
        server = serve(port=port)
        port = server.port
        assert ask(server.base_url, chat("hello")).status == 200
        server.stop()


def test_many_servers_live_side_by_side(serve: Serve, tmp_path: Path) -> None:
    servers = [serve(cache=tmp_path / str(number)) for number in range(8)]
    for number, server in enumerate(servers):
        said = ask(server.base_url, chat(f"number {number}")).json
        assert said["choices"][0]["message"]["content"] == f"number {number}"
    assert [len(server.calls) for server in servers] == [1] * 8


def test_it_listens_on_ipv6(serve: Serve) -> None:
    try:
        server = serve(host="::1")
    except ConfigurationError:
        pytest.skip("no IPv6 here")
    assert server.base_url == f"http://[::1]:{server.port}/v1"
    assert ask(server.base_url, chat("hello")).status == 200


def test_an_interpreter_that_forgets_to_stop_it_ends_by_itself(tmp_path: Path) -> None:
    script = (
        "from slmtape import FakeLLMServer\n"
        "servers = [FakeLLMServer() for _ in range(3)]\n"
        "print(*(server.port for server in servers))"
    )
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
    )
    assert run.returncode == 0, run.stderr
    assert len(run.stdout.split()) == 3
    assert run.stderr == ""
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_open(serve: Serve, tmp_path: Path) -> None:
    for _ in range(3):
        with serve(cache=tmp_path / "cassettes") as server:
            ask(server.base_url, chat("hello"))
    gc.collect()  # a ResourceWarning would fail the test


# Modes


@pytest.mark.parametrize(
    ("argument", "variable", "ci", "cached", "mode"),
    [
        (None, None, None, False, "live"),
        (None, None, "true", False, "live"),
        (None, "replay", None, False, "live"),
        (None, None, None, True, "auto"),
        (None, None, "true", True, "replay"),
        (None, None, "false", True, "auto"),
        (None, None, "", True, "auto"),
        (None, "", None, True, "auto"),
        (None, "rewrite", "true", True, "rewrite"),
        ("live", "rewrite", "true", True, "live"),
        (Mode.REPLAY, "auto", None, True, "replay"),
        ("none", None, None, True, "replay"),
        ("new_episodes", None, "1", True, "auto"),
    ],
)
def test_the_mode_is_argument_then_variable_then_default(
    serve: Serve,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    argument: str | None,
    variable: str | None,
    ci: str | None,
    cached: bool,
    mode: str,
) -> None:
    for name, value in {"SLMTAPE_MODE": variable, "CI": ci}.items():
        if value is not None:
            monkeypatch.setenv(name, value)
    server = serve(mode=argument, cache=tmp_path / "cassettes" if cached else None)
    assert server.mode == mode


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"mode": "sometimes", "cache": "c"}, "Unknown mode 'sometimes'. Modes: auto, replay"),
        ({"mode": "verify", "cache": "c"}, "Unknown mode 'verify'"),
        ({"mode": "auto"}, "needs recordings: pass cache='cassettes'"),
        ({"port": 70_000}, "Can't listen on 127.0.0.1:70000"),
        ({"host": "no\0host"}, "Can't listen on"),
        ({"aliases": {"gpt-4o": "gpt-5"}}, "stands for 'gpt-5', which is not served"),
    ],
)
def test_arguments_that_do_not_fit_are_told(
    serve: Serve, options: dict[str, Any], words: str
) -> None:
    threads = threading.active_count()
    with pytest.raises(ConfigurationError, match=words):
        serve(**options)
    assert threading.active_count() == threads


def test_an_unknown_engine_is_told_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match="Unknown engine 'nope'"):
        FakeLLMServer(engine="nope")


def test_an_unknown_model_is_told_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match="Known: 'smollm2-135m', or the path"):
        FakeLLMServer("gpt-17")


def test_without_a_cache_every_answer_is_live_and_nothing_is_written(
    serve: Serve, echo: EchoEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = list(tmp_path.iterdir())
    server = serve()
    for _ in range(2):
        assert ask(server.base_url, chat("hello")).status == 200
    assert echo.runs == 2
    assert list(tmp_path.iterdir()) == before


def test_a_damaged_recording_is_told_by_the_constructor(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "cassettes" / "echo").mkdir(parents=True)
    broken = tmp_path / "cassettes" / "echo" / "broken.json"
    broken.write_text("{")
    with pytest.raises(CassetteError, match="broken"):
        serve(cache=tmp_path / "cassettes")


# Answers


@pytest.fixture
def recorded(serve: Serve, tmp_path: Path) -> FakeLLMServer:
    """A server in mode replay, with one recording: 'say this again'."""
    cache = tmp_path / "cassettes"
    with serve(cache=cache) as server:
        ask(server.base_url, chat("say this again"))
    return serve(cache=cache, mode="replay")


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
        ("GET", "/chat/completions", 405, "Not allowed to GET on /v1/chat/completions"),
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


def read_until(client: socket.socket, words: bytes) -> bytes:
    seen = b""
    while words not in seen:
        part = client.recv(65536)
        assert part, seen
        seen += part
    return seen


def test_a_live_answer_streams_as_it_is_said(serve: Serve, echo: EchoEngine) -> None:
    server = serve()
    echo.hold()
    with connection(server) as client:
        client.sendall(post(b'{"model":"echo","stream":true,"messages":[%s]}' % MESSAGE))
        echo.allow(1)
        read_until(client, b'"content":"first"')
        echo.allow(2)
        read_until(client, b"data: [DONE]")


MESSAGE = b'{"role":"user","content":"first second third"}'


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


# What a server remembers


def test_calls_say_what_was_asked_and_what_came_of_it(recorded: FakeLLMServer) -> None:
    ask(recorded.base_url, chat("say this again", stream=True, n=2))
    ask(recorded.base_url, chat("something else"))
    ask(recorded.base_url, b"nonsense")
    hit, miss, nonsense = recorded.calls
    assert hit.path == "/v1/chat/completions"
    assert hit.request is not None
    assert hit.request.messages[-1].content == "say this again"
    assert (hit.stream, hit.n, hit.replayed, hit.text) == (True, 2, True, "say this again")
    assert len(hit.keys) == len(hit.results) == 2
    assert hit.error is None
    assert hit.seconds is not None
    assert 0 < hit.seconds < 60
    assert isinstance(miss.error, RecordingNotFound)
    assert (miss.replayed, miss.text) == (None, None)
    assert nonsense.request is None
    assert nonsense.error is not None
    assert recorded.calls.last is nonsense
    assert len(recorded.calls) == 3


def test_a_miss_in_replay_is_an_error_that_says_how_to_record(recorded: FakeLLMServer) -> None:
    reply = ask(recorded.base_url, chat("say that again"))
    assert reply.status == 400
    assert reply.error["code"] == "recording_not_found"
    assert "'say this again' → 'say that again'" in reply.error["message"]
    assert "run this once with mode='auto'" in reply.error["message"]


def test_a_miss_names_the_test_to_run(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLMTAPE_MODE", "replay")
    server = serve(cache=tmp_path / "cassettes")
    message = ask(server.base_url, chat("hello")).error["message"]
    assert "SLMTAPE_MODE=auto pytest " in message
    assert "tests/test_server.py::test_a_miss_names_the_test_to_run" in message
    assert "Nothing is recorded yet." in message


def test_check_raises_what_the_application_swallowed_and_once_only(
    recorded: FakeLLMServer,
) -> None:
    recorded.check()
    ask(recorded.base_url, chat("say that again"))
    with pytest.raises(CheckError, match="'say this again' → 'say that again'"):
        recorded.check()
    recorded.check()


# Without what generating needs


def test_a_miss_without_the_extra_says_what_to_install(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT_LLAMA, str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert run.returncode == 0, run.stderr


WITHOUT_LLAMA = """
import sys
from importlib.abc import MetaPathFinder
from pathlib import Path

class Blocker(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("llama_cpp", "huggingface_hub", "jinja2"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocker())

from slmtape import FakeLLMServer
from tests.support import ask, chat

model = Path(sys.argv[1], "model.gguf")
model.touch()
with FakeLLMServer(str(model), cache=f"{sys.argv[1]}/cassettes", mode="auto") as server:
    reply = ask(server.base_url, chat("hello", model="model"))
assert reply.status == 400
assert reply.error["code"] == "engine_not_installed", reply.error
assert "pip install 'slmtape[llama]'" in reply.error["message"]
"""


def test_a_model_file_that_is_missing_is_told_at_the_first_miss(tmp_path: Path) -> None:
    with FakeLLMServer(str(tmp_path / "gone.gguf")) as server:
        reply = ask(server.base_url, chat("hello", model="gone"))
    assert reply.error["code"] == "model_not_available"
    assert "gone.gguf" in reply.error["message"]
    assert urlsplit(server.base_url).port == server.port
