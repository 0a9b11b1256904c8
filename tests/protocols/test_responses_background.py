"""Responses that are made in the background, through the real client."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from openai import BadRequestError, NotFoundError, OpenAI

from slmtape import FakeLLMServer
from tests.protocols.test_responses_state import NarrowEngine
from tests.support import EchoEngine


@pytest.fixture
def server(serve: Callable[..., FakeLLMServer]) -> FakeLLMServer:
    return serve()


@pytest.fixture
def client(server: FakeLLMServer) -> Iterator[OpenAI]:
    with OpenAI(**server.openai_client_args()) as client:
        yield client


def wait_for(client: OpenAI, name: str) -> str | None:
    """The response's status once it is no longer in progress."""
    while (status := client.responses.retrieve(name).status) == "in_progress":
        pass
    return status


def test_a_response_is_made_in_the_background(client: OpenAI, echo: EchoEngine) -> None:
    echo.hold()
    begun = client.responses.create(model="echo", input="hello there", background=True)
    assert (begun.status, begun.output, begun.usage) == ("queued", [], None)
    assert client.responses.retrieve(begun.id).status == "in_progress"
    with pytest.raises(BadRequestError, match="is still in progress"):
        client.responses.create(model="echo", input="x", previous_response_id=begun.id)
    echo.allow()
    assert wait_for(client, begun.id) == "completed"
    done = client.responses.retrieve(begun.id)
    assert done.output_text == "hello there"
    assert (done.id, done.created_at) == (begun.id, begun.created_at)


def test_what_is_made_in_the_background_can_be_cancelled(client: OpenAI, echo: EchoEngine) -> None:
    echo.hold()
    begun = client.responses.create(model="echo", input="hello there", background=True)
    assert echo.started.wait(10)
    assert client.responses.cancel(begun.id).status == "cancelled"
    assert echo.closed.wait(10)
    echo.allow()
    assert client.responses.cancel(begun.id).status == "cancelled"
    assert client.responses.retrieve(begun.id).status == "cancelled"
    again = client.responses.create(model="echo", input="hello there", background=True)
    assert wait_for(client, again.id) == "completed"


def test_what_is_done_is_not_cancelled(client: OpenAI) -> None:
    begun = client.responses.create(model="echo", input="hi", background=True)
    assert wait_for(client, begun.id) == "completed"
    assert client.responses.cancel(begun.id).status == "completed"
    made = client.responses.create(model="echo", input="hi")
    with pytest.raises(BadRequestError, match="Cannot cancel a synchronous response"):
        client.responses.cancel(made.id)


def test_a_failure_in_the_background_is_told(server: FakeLLMServer, client: OpenAI) -> None:
    begun = client.responses.create(model="echo", input="fail here", background=True)
    assert wait_for(client, begun.id) == "failed"
    failed = client.responses.retrieve(begun.id)
    assert failed.error is not None
    assert failed.error.code == "server_error"
    assert "told to fail" in failed.error.message
    assert server.calls.last.error is not None


def test_a_prompt_that_is_too_long_is_told_in_the_background_as_well(
    client: OpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.support.make_echo", lambda *_, **__: NarrowEngine())
    begun = client.responses.create(model="echo", input="hi", background=True)
    assert wait_for(client, begun.id) == "failed"
    error: Any = client.responses.retrieve(begun.id).error
    assert error.code == "context_length_exceeded"
    assert "exceeds the context window of this model" in error.message


def test_a_missing_recording_is_told_in_the_background_as_well(
    serve: Callable[..., FakeLLMServer], tmp_path: Path
) -> None:
    server = serve(cache=tmp_path, mode="replay")
    with OpenAI(**server.openai_client_args()) as client:
        begun = client.responses.create(model="echo", input="hi", background=True)
        assert wait_for(client, begun.id) == "failed"
        error: Any = client.responses.retrieve(begun.id).error
    assert error.code == "recording_not_found"


def test_what_was_deleted_does_not_come_back(client: OpenAI, echo: EchoEngine) -> None:
    echo.hold()
    begun = client.responses.create(model="echo", input="hello there", background=True)
    assert echo.started.wait(10)
    client.responses.delete(begun.id)
    echo.allow()
    assert echo.closed.wait(10)
    client.responses.create(model="echo", input="something else")
    with pytest.raises(NotFoundError):
        client.responses.retrieve(begun.id)


def test_the_background_can_be_streamed(client: OpenAI) -> None:
    stream = client.responses.create(model="echo", input="a b", background=True, stream=True)
    events = list(stream)
    assert [event.type for event in events[:3]] == [
        "response.created",
        "response.queued",
        "response.in_progress",
    ]
    assert events[-1].type == "response.completed"
    assert client.responses.retrieve(events[-1].response.id).output_text == "a b"


def test_the_background_goes_on_when_its_stream_is_left(client: OpenAI, echo: EchoEngine) -> None:
    echo.hold()
    echo.allow(1)
    with client.responses.create(
        model="echo", input="a b c", background=True, stream=True
    ) as stream:
        created = next(iter(stream))
    assert created.type == "response.created"
    echo.allow()
    assert wait_for(client, created.response.id) == "completed"
    assert client.responses.retrieve(created.response.id).output_text == "a b c"


def test_one_of_two_equal_responses_is_cancelled_alone(client: OpenAI, echo: EchoEngine) -> None:
    echo.hold()
    first, second = (
        client.responses.create(model="echo", input="hello there", background=True)
        for _ in range(2)
    )
    client.responses.cancel(first.id)
    echo.allow()
    assert wait_for(client, second.id) == "completed"
    assert client.responses.retrieve(first.id).status == "cancelled"
