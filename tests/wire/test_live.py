"""The whole path with the real model: HTTP, llama.cpp, recording, replay."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from slmtape import FakeLLMServer
from slmtape.errors import ClientGone
from tests.support import ask

pytestmark = pytest.mark.live

MODEL = "smollm2-135m"


def body(text: str, **options: Any) -> dict[str, Any]:
    return {"model": MODEL, "messages": [{"role": "user", "content": text}], **options}


def test_one_question_has_one_answer_live_and_replayed_streamed_and_not(tmp_path: Path) -> None:
    question = "What is the capital of France"
    plain, streamed = set(), set()
    for run in range(4):
        # Every other run replays what the one before it recorded.
        with FakeLLMServer(cache=tmp_path / str(run // 2), mode="auto") as server:
            plain.add(ask(server.base_url, body(question)).body)
            streamed.add(ask(server.base_url, body(question, stream=True)).body)
            assert server.calls[0].replayed == (run % 2 == 1)
    with FakeLLMServer() as server:
        for _ in range(3):
            plain.add(ask(server.base_url, body(question)).body)
            streamed.add(ask(server.base_url, body(question, stream=True)).body)
        assert not any(call.replayed for call in server.calls)
    assert len(plain) == len(streamed) == 1
    assert json.loads(plain.pop())["choices"][0]["message"]["content"] == (
        "The capital of France is Paris."
    )


def test_recording_the_same_again_writes_the_same_bytes(tmp_path: Path) -> None:
    written = []
    for folder, mode in (("one", "auto"), ("other", "auto"), ("one", "rewrite")):
        with FakeLLMServer(cache=tmp_path / folder, mode=mode) as server:
            ask(server.base_url, body("Say hi.", max_tokens=10, temperature=0.8, seed=3))
            assert server.calls.last.replayed is False
        [path] = (tmp_path / folder).rglob("*.json")
        written.append((path.name, path.read_bytes()))
    assert written[0] == written[1] == written[2]


def test_high_temperature_gives_answers_that_are_not_identical() -> None:
    with FakeLLMServer() as server:
        asked = body("Tell me a story.", temperature=1, max_tokens=16)
        said = {
            ask(server.base_url, asked).json["choices"][0]["message"]["content"] for _ in range(4)
        }
    assert len(said) > 1


def test_the_first_event_comes_while_the_answer_is_still_generated() -> None:
    with FakeLLMServer() as server, socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(request(body("Tell me a long story.", max_tokens=200, stream=True)))
        seen = b""
        while b'"content":"' not in seen.replace(b'"content":""', b""):
            seen += client.recv(65536)
        assert server.calls.last.seconds is None
        assert server.calls.last.results == ()
        assert seen.count(b"data: ") < 100


def test_a_client_that_disconnects_stops_the_generation(tmp_path: Path) -> None:
    with FakeLLMServer(cache=tmp_path / "cassettes", mode="auto") as server:
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(request(body("Tell me a very long story.", stream=True)))
            client.recv(65536)
        # One request at a time: this answer comes when the other one was stopped.
        ask(server.base_url, body("Say hi.", max_tokens=2))
        left, answered = server.calls
        assert isinstance(left.error, ClientGone)
        assert left.seconds is not None
        assert answered.text
    assert [path.name[:6] for path in tmp_path.rglob("*.json")] == ["say-hi"]


def test_a_prompt_longer_than_the_context_is_refused() -> None:
    with FakeLLMServer() as server:
        for stream in (False, True):
            reply = ask(server.base_url, body("word " * 9000, stream=stream))
            assert reply.status == 400
            assert reply.error["code"] == "context_length_exceeded"
            assert reply.error["param"] == "messages"
            assert "maximum context length is 8192 tokens" in reply.error["message"]
        server.check()


def test_a_path_to_a_model_file_is_served_by_its_name(tmp_path: Path) -> None:
    from slmtape import models

    path = models.find(MODEL).path
    with FakeLLMServer(str(path), cache=tmp_path / "cassettes", mode="auto") as server:
        reply = ask(server.base_url, body("Say hi.", max_tokens=3) | {"model": path.stem})
        assert reply.json["model"] == path.stem
    # The model may be elsewhere, or nowhere, where the recording is replayed.
    moved = tmp_path / "elsewhere" / path.name
    with FakeLLMServer(str(moved), cache=tmp_path / "cassettes", mode="replay") as server:
        again = ask(server.base_url, body("Say hi.", max_tokens=3) | {"model": path.stem})
        assert again.body == reply.body


def request(asked: Any) -> bytes:
    raw = json.dumps(asked).encode()
    return (
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        b"content-length: %d\r\n\r\n%s" % (len(raw), raw)
    )
