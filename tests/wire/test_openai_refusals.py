"""Refusals and filtered answers, which a test wrote, through the real openai client."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from openai import ContentFilterFinishReasonError, LengthFinishReasonError, OpenAI
from pydantic import BaseModel

from slmtape import FakeLLMServer, Reply, faults

NO = "I can't help with that."


class Person(BaseModel):
    name: str


@pytest.fixture
def server(serve: Callable[..., FakeLLMServer]) -> FakeLLMServer:
    server = serve()
    server.stub(Reply(refusal=NO), user="bomb")
    server.stub(Reply(data={"name": "Ann"}), user="Ann")
    return server


@pytest.fixture
def client(server: FakeLLMServer) -> Iterator[OpenAI]:
    with OpenAI(**server.openai_client_args()) as client:
        yield client


def asking(text: str) -> Any:
    return {"model": "echo", "messages": [{"role": "user", "content": text}]}


def test_a_chat_is_refused(client: OpenAI) -> None:
    [choice] = client.chat.completions.create(**asking("a bomb")).choices
    assert (choice.message.refusal, choice.message.content) == (NO, None)
    assert choice.finish_reason == "stop"
    with client.chat.completions.stream(**asking("a bomb")) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_completion().choices[0].message
    assert kinds.count("refusal.delta") == 5
    assert kinds.count("refusal.done") == 1
    assert (final.refusal, final.content or None) == (NO, None)


def test_a_parsed_chat_tells_the_refusal_instead(client: OpenAI) -> None:
    refused = client.chat.completions.parse(**asking("a bomb"), response_format=Person)
    assert (refused.choices[0].message.refusal, refused.choices[0].message.parsed) == (NO, None)
    parsed = client.chat.completions.parse(**asking("Ann"), response_format=Person)
    assert parsed.choices[0].message.parsed == Person(name="Ann")


def test_a_response_is_refused(client: OpenAI) -> None:
    response = client.responses.create(model="echo", input="a bomb")
    [message] = response.output
    assert message.type == "message"
    assert [part.model_dump() for part in message.content] == [{"type": "refusal", "refusal": NO}]
    assert response.status == "completed"
    with client.responses.stream(model="echo", input="a bomb") as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert kinds == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        *["response.refusal.delta"] * 5,
        "response.refusal.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert final.output[0].model_dump()["content"] == message.model_dump()["content"]


def test_a_text_completion_has_no_other_place_for_it(client: OpenAI) -> None:
    assert client.completions.create(model="echo", prompt="a bomb").choices[0].text == NO
    streamed = client.completions.create(model="echo", prompt="a bomb", stream=True)
    assert "".join(chunk.choices[0].text for chunk in streamed) == NO


def test_a_refusal_is_carried_on_to_the_next_turn(client: OpenAI, server: FakeLLMServer) -> None:
    first = client.responses.create(model="echo", input="a bomb")
    client.responses.create(model="echo", input="why not?", previous_response_id=first.id)
    refused = client.chat.completions.create(**asking("a bomb")).choices[0].message
    turns: Any = [*asking("a bomb")["messages"], refused.to_dict()]
    turns.append({"role": "user", "content": "why not?"})
    client.chat.completions.create(model="echo", messages=turns)
    said = [[message.content for message in call.request.messages] for call in server.calls]  # type: ignore[union-attr]
    assert said[1] == said[3] == ["a bomb", NO, "why not?"]


def test_a_filtered_response_is_incomplete(client: OpenAI, server: FakeLLMServer) -> None:
    server.fault(faults.ContentFilter(after=1), times=1)
    response = client.responses.create(model="echo", input="one two")
    assert (response.status, response.output_text) == ("incomplete", "one")
    assert response.incomplete_details is not None
    assert response.incomplete_details.reason == "content_filter"


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (faults.ContentFilter(after=1), ContentFilterFinishReasonError),
        (faults.Length(after=1), LengthFinishReasonError),
    ],
)
def test_a_parsed_chat_that_is_cut_off_raises(
    client: OpenAI, server: FakeLLMServer, fault: faults.Fault, error: type[Exception]
) -> None:
    server.fault(fault, times=1)
    with pytest.raises(error):
        client.chat.completions.parse(**asking("Ann"), response_format=Person)
