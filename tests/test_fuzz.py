"""Whatever clients send, they get what OpenAI's API could have answered: never 5xx, never silence.

Bodies are drawn from the types of the client library, and answers are checked against them.
"""

import base64
import http.client
import json
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types import Completion, CreateEmbeddingResponse, EmbeddingCreateParams
from openai.types import completion_create_params as completions
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.chat import completion_create_params as chat
from openai.types.responses import Response, ResponseStreamEvent
from openai.types.responses import response_create_params as responses
from openai.types.responses.input_token_count_params import InputTokenCountParams
from openai.types.responses.input_token_count_response import InputTokenCountResponse
from pydantic import TypeAdapter

from slmtape import FakeLLMServer
from slmtape.protocols import Generates, Tells
from slmtape.protocols.openai import OPENAI
from tests import support
from tests.bodies import AWKWARD, CHAT, JSON, RESPONSES, SCHEMA, completed, objects, spoiled
from tests.support import Reply

Serve = Callable[..., FakeLLMServer]
Header = tuple[str, str]
HI = {"model": "echo", "input": "hi"}
JSON_TYPE: Header = ("content-type", "application/json")
EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


def whole_embeddings(body: bytes) -> None:
    """Vectors that came as base64 are read as the client library reads them."""
    told = json.loads(body)
    for one in told["data"]:
        if isinstance(one["embedding"], str):
            one["embedding"] = list(memoryview(base64.b64decode(one["embedding"])).cast("f"))
    CreateEmbeddingResponse.model_validate(told, strict=True)


def completion_event(event: Any) -> None:
    """As the real ones, all but the last say that they don't end yet."""
    for choice in event["choices"]:
        choice["finish_reason"] = choice["finish_reason"] or "stop"
    Completion.model_validate(event, strict=True)


def none_at_all(event: Any) -> None:
    raise AssertionError(f"nothing is streamed here: {event}")


@dataclass(frozen=True)
class Endpoint:
    """How an endpoint is asked, and what its answers have to be like."""

    bodies: st.SearchStrategy[Any]
    whole: Callable[[bytes], object]
    event: Callable[[Any], object]


ASKED = ("model", "input")
"""What the Responses API's types don't ask for, though there is no answer without."""

ENDPOINTS = {
    "/v1/chat/completions": Endpoint(
        completed(
            objects(chat.CompletionCreateParamsNonStreaming, 3)
            | objects(chat.CompletionCreateParamsStreaming, 3),
            CHAT,
        ),
        lambda body: ChatCompletion.model_validate_json(body, strict=True),
        lambda event: ChatCompletionChunk.model_validate(event, strict=True),
    ),
    "/v1/completions": Endpoint(
        objects(completions.CompletionCreateParamsNonStreaming, 4)
        | objects(completions.CompletionCreateParamsStreaming, 4),
        lambda body: Completion.model_validate_json(body, strict=True),
        completion_event,
    ),
    "/v1/embeddings": Endpoint(objects(EmbeddingCreateParams), whole_embeddings, none_at_all),
    "/v1/responses/input_tokens": Endpoint(
        completed(objects(InputTokenCountParams, 3, ASKED), [{"input": "one two"}]),
        lambda body: InputTokenCountResponse.model_validate_json(body, strict=True),
        none_at_all,
    ),
    "/v1/responses": Endpoint(
        completed(
            objects(responses.ResponseCreateParamsNonStreaming, 3, ASKED)
            | objects(responses.ResponseCreateParamsStreaming, 3, ASKED),
            RESPONSES,
        ),
        lambda body: Response.model_validate_json(body, strict=True),
        lambda event: EVENT.validate_python(event, strict=True),
    ),
}
GENERATING = [one.path for one in OPENAI.endpoints if isinstance(one, Generates)]
TELLING = [one for one in OPENAI.endpoints if isinstance(one, Tells)]


@dataclass
class Client:
    """One connection that is kept; whoever is silent for long hangs."""

    server: FakeLLMServer
    statuses: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)

    def ask(self, method: str, path: str, body: bytes = b"", header: Header = JSON_TYPE) -> Reply:
        """One exchange; asserts what holds for all."""
        sent = dict([JSON_TYPE, header])
        self._connection.request(method, path, body, sent)
        response = self._connection.getresponse()
        reply = Reply(response.status, dict(response.getheaders()), response.read())
        assert reply.status < 500, reply.body
        assert reply.headers["x-request-id"]
        if reply.status >= 300 and method != "HEAD":
            assert_refusal(reply)
        self.statuses[reply.status] = self.statuses.get(reply.status, 0) + 1
        return reply

    def close(self) -> None:
        self._connection.close()
        self.server.check()


def assert_refusal(reply: Reply) -> None:
    error = reply.error  # asserts the envelope
    assert reply.headers["content-type"] == "application/json"
    assert error["message"]
    assert isinstance(error["type"], str)
    assert all(error[name] is None or isinstance(error[name], str) for name in ("param", "code"))


def assert_answer(endpoint: Endpoint, reply: Reply) -> None:
    """A reply's events, or its whole body, are of the client library's types."""
    if not reply.headers["content-type"].startswith("text/event-stream"):
        endpoint.whole(reply.body)
        return
    blocks = reply.body.decode().removesuffix("\n\n").split("\n\n")
    events = [block.rpartition("data: ")[2] for block in blocks]
    assert len(events) > 1
    for event in events[:-1]:
        endpoint.event(json.loads(event))
    if events[-1] != "[DONE]":
        endpoint.event(json.loads(events[-1]))


@pytest.fixture
def client(serve: Serve, tmp_path: Path) -> Iterator[Client]:
    with closing(Client(serve(cache=tmp_path / "cassettes", max_body=1_000_000))) as client:
        yield client


@pytest.fixture
def lenient(serve: Serve, tmp_path: Path) -> Iterator[Client]:
    with closing(Client(serve(cache=tmp_path / "cassettes", lenient=True))) as client:
        yield client


def test_every_endpoint_that_generates_is_tried() -> None:
    assert set(GENERATING) <= set(ENDPOINTS)


def unnamed(body: bytes) -> bytes:
    """An answer without ids and times: one that is remembered has its own."""
    ids = rb'"(chatcmpl-|resp_|msg_|rs_|fc_|call_)[0-9a-f]+"'
    return re.sub(ids + rb'|"(created|completed)_at":\d+', b"", body)


@pytest.mark.parametrize("path", GENERATING)
def test_a_body_of_the_client_librarys_types_is_answered_or_refused(
    path: str, client: Client
) -> None:
    endpoint = ENDPOINTS[path]

    @settings(max_examples=100)
    @given(endpoint.bodies)
    def tried(body: Any) -> None:
        raw = json.dumps(body).encode()
        reply = client.ask("POST", path, raw)
        if reply.status < 300:
            assert_answer(endpoint, reply)
            again = client.ask("POST", path, raw)
            sampled = again.headers["x-slmtape-key"] != reply.headers["x-slmtape-key"]
            if not sampled and not body.get("background"):
                assert again.headers["x-slmtape-replayed"] == "true"
                default = path == "/v1/responses"
                remembered = default if body.get("store") is None else body["store"]
                same = unnamed if remembered else bytes
                assert same(again.body) == same(reply.body)

    tried()
    assert client.statuses[200] >= 20, client.statuses


@pytest.mark.parametrize("path", GENERATING)
def test_a_spoiled_body_is_answered_or_refused(path: str, client: Client) -> None:
    endpoint = ENDPOINTS[path]

    @settings(max_examples=30)
    @given(endpoint.bodies, st.integers(0, 2**32))
    def tried(body: Any, seed: int) -> None:
        random = Random(seed)
        for _ in range(10):
            reply = client.ask("POST", path, spoiled(body, random))
            if reply.status < 300:
                assert_answer(endpoint, reply)

    tried()
    assert client.statuses[400] >= 100, client.statuses


@pytest.mark.parametrize("path", GENERATING)
def test_a_lenient_server_answers_or_refuses_other_parameters(path: str, lenient: Client) -> None:
    endpoint = ENDPOINTS[path]

    @settings(max_examples=25)
    @given(endpoint.bodies, st.dictionaries(st.sampled_from(["top_k", "min_p", "~", ""]), JSON))
    def tried(body: Any, others: Any) -> None:
        reply = lenient.ask("POST", path, json.dumps(body | others).encode())
        if reply.status < 300:
            assert_answer(endpoint, reply)

    tried()
    assert lenient.statuses.get(200), lenient.statuses


@pytest.mark.parametrize("strict", [False, True])
def test_a_schema_is_honoured_or_refused(client: Client, strict: bool) -> None:
    @settings(max_examples=100)
    @given(SCHEMA)
    def tried(schema: Any) -> None:
        function: Any = {"name": "f", "parameters": schema, "strict": strict}
        shape: Any = {"name": "a", "schema": schema, "strict": strict}
        for body in (
            {"tools": [{"type": "function", "function": function}]},
            {"response_format": {"type": "json_schema", "json_schema": shape}},
        ):
            raw = json.dumps(support.chat("hi") | body).encode()
            client.ask("POST", "/v1/chat/completions", raw)
        for body in (
            {"tools": [{"type": "function", **function}]},
            {"text": {"format": {"type": "json_schema", **shape}}},
        ):
            client.ask("POST", "/v1/responses", json.dumps(HI | body).encode())

    tried()
    assert client.statuses.get(200), client.statuses
    assert client.statuses.get(400), client.statuses


@pytest.mark.parametrize("path", GENERATING)
def test_a_body_that_is_no_request_is_refused(path: str, client: Client) -> None:
    for raw in AWKWARD:
        assert client.ask("POST", path, raw.encode()).status == 400, raw


NAME = st.text(max_size=8) | st.sampled_from(["echo", "..", "a/b", "é"])
QUERY = st.dictionaries(
    st.sampled_from(["limit", "order", "after", "include", "metadata[a]", "~"]),
    NAME | st.sampled_from(["1", "0", "-1", "9" * 30, "asc"]),
)
ITEM = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hello"}]}
KEPT: list[tuple[str, Any]] = [
    ("/v1/chat/completions", support.chat("hello", store=True, metadata={"a": "b"})),
    ("/v1/responses", HI),
    ("/v1/responses", {"model": "echo", "input": "hello", "background": True}),
    ("/v1/conversations", {"items": [ITEM], "metadata": {"a": "b"}}),
]
"""What is asked for to be told of later."""
CHANGES = JSON | st.sampled_from([{"metadata": {"a": "c"}}, {"items": [ITEM]}, {"items": [{}]}])


def ids(value: Any) -> Iterator[str]:
    """All ids in a JSON value."""
    for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
        if name == "id":
            yield inner
        elif isinstance(inner, dict | list):
            yield from ids(inner)


@pytest.fixture
def known(client: Client) -> list[str]:
    """Ids of what the server tells of."""
    kept = [client.ask("POST", path, json.dumps(body).encode()).json for path, body in KEPT]
    items = client.ask("GET", f"/v1/conversations/{kept[-1]['id']}/items").json
    return list(dict.fromkeys(["echo", *ids([*kept, items])]))


@pytest.mark.parametrize("endpoint", TELLING, ids=lambda one: f"{one.method} {one.path}")
def test_what_is_told_without_a_model_is_told_or_refused(
    endpoint: Tells, client: Client, known: list[str]
) -> None:
    template = re.sub(r"\{\w+(:path)?\}", "{}", endpoint.path)

    @settings(max_examples=25)
    @given(st.lists(st.sampled_from(known) | NAME, min_size=2, max_size=2), QUERY, CHANGES)
    def tried(names: list[str], query: dict[str, str], body: Any) -> None:
        path = template.format(*(quote(name.encode(), safe="/") for name in names))
        client.ask(endpoint.method, f"{path}?{urlencode(query)}", json.dumps(body).encode())

    tried()


@pytest.mark.parametrize("endpoint", TELLING, ids=lambda one: f"{one.method} {one.path}")
def test_what_is_kept_is_told(endpoint: Tells, client: Client, known: list[str]) -> None:
    template = re.sub(r"\{\w+(:path)?\}", "{}", endpoint.path)
    body = json.dumps({"metadata": {}} if "items" not in template else {"items": [ITEM]}).encode()
    paths = {template.format(*names) for names in product(known, repeat=2)}
    statuses = {client.ask(endpoint.method, path, body).status for path in paths}
    assert 200 in statuses


METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "PURGE"]
PATHS = [
    *("/", "/v1", "/v1/", "//v1//models", "/v1/chat/completions/", "/V1/Models", "/v1/models?"),
    *("/v1/models/%00", "/v1/models/%ff%fe", "/v1/models/%2e%2e%2f", "/v1/models/a%20b", "/v1/%"),
    *("/v1/moderations", "/v1/files/x/content", "/v1/threads/1/runs", "/v1/realtime?model=echo"),
    *("/v1/chat/completions?%ff=%00&&=&a=b&a=c", "/v1/models/" + "long" * 2000, "/favicon.ico"),
]


@pytest.mark.parametrize("method", METHODS)
def test_odd_paths_and_methods_are_answered_or_refused(method: str, client: Client) -> None:
    for path in (*PATHS, *GENERATING):
        client.ask(method, path, b"{}")


HEADERS = {
    "content-type": ["", "text/plain", "application/json; charset=latin-1", "multipart/form-data"],
    "authorization": ["", "Bearer", "Basic x", "Bearer \xff", "Bearer " + "x" * 5000],
    "accept": ["text/event-stream", "*/*", ""],
    "accept-encoding": ["gzip, br", "identity;q=0"],
    "content-encoding": ["gzip", "x"],
    "expect": ["100-continue"],
    "if-none-match": ["*"],
    "range": ["bytes=0-1"],
    "cookie": ["a=b; c"],
    "x-stainless-retry-count": ["x", "-1"],
    "idempotency-key": ["\xe9"],
    "upgrade": ["h2c", "websocket"],
}


@pytest.mark.parametrize("name", HEADERS)
def test_odd_headers_are_answered_or_refused(name: str, client: Client) -> None:
    for value in HEADERS[name]:
        client.ask("GET", "/v1/models", b"", (name, value))
        for path in GENERATING:
            client.ask("POST", path, b'{"model": "echo"}', (name, value))
