"""Completions and embeddings through the real openai client, with the engine that echoes."""

import pkgutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from openai import APIStatusError, BadRequestError, OpenAI, resources

from slmtape import FakeLLMServer
from slmtape.protocols.openai import OPENAI
from slmtape.protocols.openai.unserved import UNSERVED
from tests.support import EchoEngine, ask

Serve = Callable[..., FakeLLMServer]


@pytest.fixture
def server(serve: Serve, tmp_path: Path) -> FakeLLMServer:
    return serve(cache=tmp_path / "cassettes")


@pytest.fixture
def client(server: FakeLLMServer) -> Iterator[OpenAI]:
    with OpenAI(**server.openai_client_args()) as client:
        yield client


def test_prompts_are_answered_in_order(client: OpenAI) -> None:
    completion = client.completions.create(model="echo", prompt=["one two", "three"], n=2)
    texts = [choice.text for choice in completion.choices]
    assert texts == ["one two", "one two", "three", "three"]
    assert completion.usage
    assert completion.usage.completion_tokens == 6


def test_a_stream_says_the_same(client: OpenAI, echo: EchoEngine) -> None:
    asked: Any = {"model": "echo", "prompt": ["one two", "three"], "logprobs": 1}
    for _ in range(2):  # as the model says it, then replayed
        texts = ["", ""]
        for chunk in client.completions.create(**asked, stream=True):
            texts[chunk.choices[0].index] += chunk.choices[0].text
        assert texts == ["one two", "three"]
    whole = client.completions.create(**asked)
    assert [choice.text for choice in whole.choices] == ["one two", "three"]
    assert whole.choices[0].logprobs
    assert whole.choices[0].logprobs.tokens == ["one", " two"]
    assert echo.runs == 2


def test_an_answer_ends_after_16_tokens_unless_it_may_be_longer(client: OpenAI) -> None:
    words = " ".join("abcdefghijklmnopqrst")
    short = client.completions.create(model="echo", prompt=words).choices[0]
    assert (short.text, short.finish_reason) == (words[:31], "length")
    whole = client.completions.create(model="echo", prompt=words, max_tokens=20).choices[0]
    assert (whole.text, whole.finish_reason) == (words, "stop")


def test_vectors_are_the_same_in_either_format(client: OpenAI, echo: EchoEngine) -> None:
    texts = ["hello", "world", "hello"]
    default = client.embeddings.create(model="echo", input=texts)  # asks for base64
    floats = client.embeddings.create(model="echo", input=texts, encoding_format="float")
    assert [one.embedding for one in default.data] == [one.embedding for one in floats.data]
    assert default.data[0].embedding == default.data[2].embedding != default.data[1].embedding
    assert echo.runs == 2


def test_a_vector_that_is_too_short_is_an_error_of_the_client(client: OpenAI) -> None:
    assert (
        len(client.embeddings.create(model="echo", input="a", dimensions=8).data[0].embedding) == 8
    )
    with pytest.raises(BadRequestError, match="Expected a value <= 8, but got 9") as caught:
        client.embeddings.create(model="echo", input="a", dimensions=9)
    assert caught.value.param == "dimensions"


def test_a_replay_gives_the_same_bytes(serve: Serve, server: FakeLLMServer, tmp_path: Path) -> None:
    asked: list[tuple[str, Any]] = [
        ("/completions", {"model": "echo", "prompt": ["a b", [1, 2]], "logprobs": 2}),
        ("/completions", {"model": "echo", "prompt": "a b", "stream": True}),
        ("/embeddings", {"model": "echo", "input": [[1, 2], [3]], "dimensions": 3}),
    ]
    recorded = [ask(server.base_url, body, path=path).body for path, body in asked]
    replaying = serve(cache=tmp_path / "cassettes", mode="replay")
    assert [ask(replaying.base_url, body, path=path).body for path, body in asked] == recorded


def test_2048_texts_are_answered_in_one_call(serve: Serve) -> None:
    texts = [f"text {number}" for number in range(2048)]
    reply = ask(serve().base_url, {"model": "echo", "input": texts}, path="/embeddings")
    assert [one["index"] for one in reply.json["data"]] == list(range(2048))
    assert sum(len(name) + len(value) for name, value in reply.headers.items()) < 8000


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/moderations", "moderations"),
        ("/images/generations", "images"),
        ("/vector_stores/vs_1", "vector stores"),
    ],
)
def test_what_openai_has_besides_is_refused_by_name(
    server: FakeLLMServer, path: str, name: str
) -> None:
    reply = ask(server.base_url, {}, path=path)
    assert (reply.status, reply.error["code"]) == (400, "unsupported_endpoint")
    assert f"POST /v1{path} is not served by slmtape: it has no {name}," in reply.error["message"]


def test_every_api_of_the_client_library_is_served_or_refused_by_name() -> None:
    theirs = {module.name for module in pkgutil.iter_modules(resources.__path__)}
    served = {endpoint.path.split("/")[2] for endpoint in OPENAI.endpoints}
    elsewhere = {"admin", "beta", "webhooks"}  # no first parts of paths
    assert theirs - elsewhere <= served | UNSERVED
    assert not served & UNSERVED


def test_moderations_are_refused_with_one_attempt(client: OpenAI, server: FakeLLMServer) -> None:
    with pytest.raises(APIStatusError, match="base URL of another server"):
        client.moderations.create(input="hello")
    assert len(server.calls) == 0


def test_parts_that_are_not_served_are_refused_by_name(client: OpenAI) -> None:
    with pytest.raises(APIStatusError, match="it has no compaction of responses") as caught:
        client.responses.compact(model="echo", input="hi")
    assert (caught.value.status_code, caught.value.code) == (400, "unsupported_endpoint")
    with pytest.raises(APIStatusError, match="it has no deletion of models"):
        client.models.delete("org/echo")


def test_other_paths_are_unknown(server: FakeLLMServer) -> None:
    reply = ask(server.base_url, {}, path="/filesystem")
    assert (reply.status, reply.error["code"]) == (404, None)
    assert reply.error["message"] == "Invalid URL (POST /v1/filesystem)"
