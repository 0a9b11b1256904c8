"""What an application sees of each fault, through the real openai client."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import OpenAI

from slmtape import CheckError, FakeLLMServer, Reply, faults
from slmtape.faults import Fault
from slmtape.generation import ToolCall
from tests.wire.asking import TEXT, TOOL, Stream, asking, called, said


@pytest.fixture(params=["stub", "cassette", "model"])
def source(request: pytest.FixtureRequest) -> str:
    """Who answers."""
    return str(request.param)


@pytest.fixture
def server(
    source: str, serve: Callable[..., FakeLLMServer], tmp_path: Path
) -> Iterator[FakeLLMServer]:
    """A server on which `TEXT` is said, and `f` is called, by the source."""
    cache = tmp_path / "cassettes"
    if source == "cassette":
        with serve(cache=cache) as recording, OpenAI(**recording.openai_client_args()) as client:
            said(client)
            called(client)
    server = serve(cache=cache, mode="replay") if source == "cassette" else serve()
    if source == "stub":
        server.stub(Reply(calls=[("f", {"x": 123})]), user="call f", optional=True)
        server.stub(TEXT, optional=True)
    yield server
    assert {call.source for call in server.calls} <= {source, None}


@pytest.fixture
def client(server: FakeLLMServer) -> Iterator[OpenAI]:
    with OpenAI(**server.openai_client_args(), max_retries=0) as client:
        yield client


ERRORS = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    403: openai.PermissionDeniedError,
    404: openai.NotFoundError,
    409: openai.ConflictError,
    413: openai.APIStatusError,
    422: openai.UnprocessableEntityError,
    429: openai.RateLimitError,
    500: openai.InternalServerError,
    503: openai.InternalServerError,
}


@pytest.mark.parametrize("status", ERRORS)
def test_a_status_is_the_clients_exception_for_it(
    server: FakeLLMServer, client: OpenAI, status: int
) -> None:
    server.fault(faults.Status(status), times=2)
    for stream in (False, True):
        with pytest.raises(ERRORS[status]) as caught:
            client.chat.completions.create(**asking(TEXT), stream=stream)
        assert isinstance(caught.value, openai.APIStatusError)
        assert caught.value.status_code == status
        body: Any = caught.value.body
        assert {"message", "type", "param", "code"} <= set(body)
        assert body["message"]
    assert said(client).message.content == TEXT
    server.check()
    assert [call.fault for call in server.calls] == [faults.Status(status)] * 2 + [None]


def test_a_rate_limit_tells_when_to_ask_again(server: FakeLLMServer, client: OpenAI) -> None:
    server.fault(faults.Status(429, retry_after=1.5, message="Slow down"), times=1)
    with pytest.raises(openai.RateLimitError, match="Slow down") as caught:
        said(client)
    headers = caught.value.response.headers
    assert headers["retry-after"] == "2"
    assert headers["retry-after-ms"] == "1500"
    assert headers["x-ratelimit-remaining-requests"] == "0"
    assert headers["x-slmtape-fault"] == "status"
    assert "x-should-retry" not in headers


def test_a_client_that_tries_again_as_it_should_gets_its_answer(
    server: FakeLLMServer, client: OpenAI
) -> None:
    server.fault(faults.Status(503), times=1)
    server.fault(faults.Status(429, retry_after=0.2), times=1)
    begun = time.monotonic()
    assert said(client.with_options(max_retries=2)).message.content == TEXT
    assert time.monotonic() - begun >= 0.2
    assert len(server.calls) == 3


def test_a_prompt_that_is_too_long(server: FakeLLMServer, client: OpenAI) -> None:
    server.fault(faults.ContextOverflow(limit=100, tokens=101), times=1)
    with pytest.raises(openai.BadRequestError, match="maximum context length is 100") as caught:
        said(client)
    assert caught.value.code == "context_length_exceeded"
    server.check()


def test_a_delay_is_waited_for_or_timed_out(server: FakeLLMServer, client: OpenAI) -> None:
    server.fault(faults.Delay(0.1), times=2)
    begun = time.monotonic()
    assert said(client).message.content == TEXT
    assert Stream(client).text == TEXT
    assert time.monotonic() - begun >= 0.2
    server.fault(faults.Delay(60))
    with pytest.raises(openai.APITimeoutError):
        said(client.with_options(timeout=0.1))


def test_a_reset_before_the_answer(server: FakeLLMServer, client: OpenAI) -> None:
    server.fault(faults.Reset(), times=2)
    with pytest.raises(openai.APIConnectionError):
        said(client)
    stream = Stream(client)
    assert isinstance(stream.error, openai.APIConnectionError)
    assert Stream(client).text == TEXT


def test_a_reset_in_the_middle(server: FakeLLMServer, client: OpenAI) -> None:
    server.fault(faults.Reset(after=2), times=2)
    stream = Stream(client)
    assert (stream.text, stream.finish_reason) == ("one two", None)
    assert isinstance(stream.error, openai.APIConnectionError)
    with pytest.raises(openai.APIConnectionError):
        said(client)
    assert said(client).message.content == TEXT


def test_an_end_without_a_finish_reason_raises_nothing(
    server: FakeLLMServer, client: OpenAI
) -> None:
    server.fault(faults.End(after=2), times=1)
    stream = Stream(client)
    assert (stream.text, stream.finish_reason, stream.error) == ("one two", None, None)
    server.fault(faults.End(), times=1)
    with pytest.raises(json.JSONDecodeError):
        said(client)


def test_a_stall_ends_by_itself_or_by_the_clients_time_out(
    server: FakeLLMServer, client: OpenAI
) -> None:
    server.fault(faults.Stall(after=2, seconds=0.1), times=2)
    begun = time.monotonic()
    stream = Stream(client)
    assert (stream.text, stream.finish_reason) == (TEXT, "stop")
    assert said(client).message.content == TEXT
    assert time.monotonic() - begun >= 0.2
    server.fault(faults.Stall(after=2))
    stalled = Stream(client.with_options(timeout=1))
    assert stalled.text == "one two"
    assert isinstance(stalled.error, openai.APITimeoutError)
    with pytest.raises(openai.APITimeoutError):
        said(client.with_options(timeout=0.2))


def test_a_malformed_event(server: FakeLLMServer, client: OpenAI) -> None:
    server.fault(faults.Malformed(after=2), times=2)
    stream = Stream(client)
    assert stream.text == "one two"
    assert isinstance(stream.error, json.JSONDecodeError)
    with pytest.raises(json.JSONDecodeError):
        said(client)


def test_an_error_inside_a_stream(server: FakeLLMServer, client: OpenAI) -> None:
    server.fault(faults.ErrorEvent(after=2, status=503, message="Overloaded"), times=2)
    stream = Stream(client)
    assert stream.text == "one two"
    assert isinstance(stream.error, openai.APIError)
    assert not isinstance(stream.error, openai.APIStatusError)
    assert stream.error.message == "Overloaded"
    with pytest.raises(openai.InternalServerError, match="Overloaded"):
        said(client)
    server.check()


@pytest.mark.parametrize("fault", [faults.Length(after=2), faults.ContentFilter(after=2)])
def test_an_answer_that_is_cut_off_says_why(
    server: FakeLLMServer, client: OpenAI, fault: Fault
) -> None:
    server.fault(fault, times=2)
    choice, stream = said(client), Stream(client)
    assert (choice.message.content, choice.finish_reason) == ("one two", fault.kind)
    assert (stream.text, stream.finish_reason) == ("one two", fault.kind)


def test_a_call_whose_arguments_are_cut_off(server: FakeLLMServer, client: OpenAI) -> None:
    server.fault(faults.TruncatedCall(), times=1)
    choice = called(client)
    assert choice.finish_reason == "length"
    [call] = choice.message.tool_calls
    assert call.function.arguments == '{"x"'
    assert called(client).message.tool_calls[0].function.arguments == '{"x":123}'
    server.fault(faults.TruncatedCall(), times=1)
    with pytest.raises(openai.BadRequestError, match="calls no tool"):
        said(client)
    with pytest.raises(CheckError, match="calls no tool"):
        server.check()


def test_a_pace_is_that_of_a_model(server: FakeLLMServer, client: OpenAI) -> None:
    server.fault(faults.Pace(first=0.1, tokens_per_second=30, jitter=0.5, seed=1), times=2)
    begun = time.monotonic()
    stream = client.chat.completions.create(**asking(TEXT), stream=True)
    came = [time.monotonic() - begun for _ in stream]
    # A machine that is busy makes what comes later, never earlier.
    assert all(when >= 0.1 + (piece - 1) * 0.5 / 30 for piece, when in enumerate(came[1:5], 1))
    begun = time.monotonic()
    assert said(client).message.content == TEXT
    assert time.monotonic() - begun >= 0.1 + 3 * 0.5 / 30


@pytest.mark.parametrize(
    "fault",
    [
        faults.Reset(after=1),
        faults.End(after=1),
        faults.ErrorEvent(after=1),
        faults.Length(after=1),
    ],
    ids=lambda fault: fault.kind,
)
def test_what_a_model_said_is_recorded_whole_though_its_client_never_saw_it(
    serve: Callable[..., FakeLLMServer], tmp_path: Path, fault: Fault
) -> None:
    with serve(cache=tmp_path / "cassettes") as server:
        server.fault(fault, times=1)
        with OpenAI(**server.openai_client_args(), max_retries=0) as client:
            assert Stream(client).text == "one"
            assert Stream(client).text == TEXT
    assert [call.source for call in server.calls][1] == "cassette"


@pytest.mark.parametrize("source", ["model"], indirect=True)
@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (faults.Reset(after=1), "APIConnectionError"),
        (faults.ErrorEvent(after=1), "failed"),
        (faults.End(after=1), ""),
        (faults.Length(after=1), "incomplete"),
        (faults.ContentFilter(after=1), "incomplete"),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_responses_fail_as_well(
    server: FakeLLMServer, client: OpenAI, fault: Fault, status: str
) -> None:
    server.fault(fault, times=1)
    text = ended = ""
    try:
        for event in client.responses.create(model="echo", input=TEXT, stream=True):
            if event.type == "response.output_text.delta":
                text += event.delta
            if event.type in ("response.completed", "response.incomplete", "response.failed"):
                ended = str(event.response.status)
    except openai.APIConnectionError as raised:
        ended = type(raised).__name__
    assert (text, ended) == ("one", status)


def test_the_calls_of_a_stub_are_seen_by_the_test(serve: Callable[..., FakeLLMServer]) -> None:
    server = serve()
    server.stub(Reply(calls=[("f", {"x": 1})]), tools=[TOOL])
    with OpenAI(**server.openai_client_args()) as client:
        called(client)
    assert server.calls.last.results[0].tool_calls == (ToolCall("f", '{"x":1}'),)  # type: ignore[union-attr]
