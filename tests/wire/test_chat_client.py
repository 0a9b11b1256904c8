"""Tools, JSON, log-probabilities and stored completions through the real openai client."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from openai import BadRequestError, NotFoundError, OpenAI, pydantic_function_tool
from pydantic import BaseModel

from slmtape import FakeLLMServer
from tests.support import ask, chat


class Weather(BaseModel):
    city: str


TOOLS: Any = [pydantic_function_tool(Weather, name="weather")]
ASKED = 'call weather {"city":"Rome"}\ncall weather {"city":"Oslo"}'


def asking(text: str) -> Any:
    return [{"role": "user", "content": text}]


@pytest.fixture
def client(serve: Callable[..., FakeLLMServer]) -> Iterator[OpenAI]:
    with OpenAI(**serve(media="describe").openai_client_args()) as client:
        yield client


def test_an_agent_calls_its_tools_and_goes_on(client: OpenAI) -> None:
    messages = asking(ASKED)
    first = client.chat.completions.create(model="echo", messages=messages, tools=TOOLS)
    [choice] = first.choices
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content is None
    messages.append(choice.message)
    for call in choice.message.tool_calls or ():
        messages.append({"role": "tool", "tool_call_id": call.id, "content": f"{call.type} done"})
    second = client.chat.completions.create(model="echo", messages=messages, tools=TOOLS)
    assert second.choices[0].message.content == "function done"
    assert second.choices[0].finish_reason == "stop"


def test_a_streamed_call_is_put_together_parsed_and_sent_back(client: OpenAI) -> None:
    with client.chat.completions.stream(
        model="echo", messages=asking(ASKED), tools=TOOLS
    ) as stream:
        done = [e for e in stream if e.type == "tool_calls.function.arguments.done"]
        final = stream.get_final_completion().choices[0]
    assert [event.arguments for event in done] == ['{"city":"Rome"}', '{"city":"Oslo"}']
    calls = final.message.tool_calls or []
    assert [call.function.parsed_arguments for call in calls] == [
        Weather(city="Rome"),
        Weather(city="Oslo"),
    ]
    results = [{"role": "tool", "tool_call_id": call.id, "content": "done"} for call in calls]
    messages: Any = [*asking(ASKED), final.message, *results]
    second = client.chat.completions.create(model="echo", messages=messages, tools=TOOLS)
    assert second.choices[0].message.content == "done"
    plain = client.chat.completions.create(model="echo", messages=asking(ASKED), tools=TOOLS)
    assert [call.id for call in plain.choices[0].message.tool_calls or []] == [c.id for c in calls]


def test_an_answer_in_json_is_parsed(client: OpenAI) -> None:
    parsed = client.chat.completions.parse(
        model="echo", messages=asking('{"city":"Rome"}'), response_format=Weather
    )
    assert parsed.choices[0].message.parsed == Weather(city="Rome")


@pytest.mark.parametrize("stream", [False, True])
def test_log_probabilities_are_read(client: OpenAI, stream: bool) -> None:
    asked: Any = {"logprobs": True, "top_logprobs": 2, "stream": stream}
    told: Any = client.chat.completions.create(model="echo", messages=asking("a b"), **asked)
    answers = list(told) if stream else [told]
    tokens = [
        token
        for answer in answers
        for choice in answer.choices
        for token in (choice.logprobs.content if choice.logprobs else ())
    ]
    assert [token.token for token in tokens] == ["a", " b"]
    assert [len(token.top_logprobs) for token in tokens] == [2, 2]


@pytest.mark.parametrize("shown", [False, True])
def test_reasoning_is_left_out_or_read_as_other_servers_tell_it(
    serve: Callable[..., FakeLLMServer], shown: bool
) -> None:
    with OpenAI(**serve(reasoning_content=shown).openai_client_args()) as client:
        asked = client.chat.completions.create
        told = asked(model="echo", messages=asking("<hm> yes"))
        with asked(model="echo", messages=asking("<hm> yes"), stream=True) as stream:
            said = [chunk.choices[0].delta.to_dict() for chunk in stream if chunk.choices]
    message = told.choices[0].message
    assert message.content == "yes"
    assert message.to_dict().get("reasoning_content") == ("hm" if shown else None)
    assert [delta.get("reasoning_content") for delta in said[1:-1]] == (
        ["hm", None] if shown else [None]
    )
    assert told.usage is not None
    assert told.usage.completion_tokens_details is not None
    assert told.usage.completion_tokens_details.reasoning_tokens == 1


def test_stored_completions_are_asked_for_again(client: OpenAI) -> None:
    completions = client.chat.completions
    ids = [
        completions.create(
            model="echo", messages=asking(text), store=True, metadata={"run": run}
        ).id
        for text, run in (("one", "1"), ("two", "1"), ("three", "2"))
    ]
    assert [one.id for one in completions.list(limit=1)] == ids
    assert [one.id for one in completions.list(metadata={"run": "1"}, order="desc")] == ids[1::-1]
    assert completions.update(ids[0], metadata={"run": "3"}).metadata == {"run": "3"}
    assert [one.content for one in completions.messages.list(ids[1])] == ["two"]
    assert completions.delete(ids[0]).deleted
    with pytest.raises(NotFoundError, match="not found"):
        completions.retrieve(ids[0])
    assert completions.retrieve(ids[2]).choices[0].message.content == "three"


def test_a_mistake_is_told_in_the_client_s_own_exception(client: OpenAI) -> None:
    choice: Any = {"type": "function", "function": {"name": "wether"}}
    with pytest.raises(BadRequestError, match="no function named 'wether'") as caught:
        client.chat.completions.create(
            model="echo", messages=asking("hi"), tools=TOOLS, tool_choice=choice
        )
    assert (caught.value.param, caught.value.code) == ("tool_choice", "invalid_value")


BODIES: list[dict[str, Any]] = [
    chat(ASKED, tools=TOOLS),
    chat(f"<hm> Well\n{ASKED}", tools=TOOLS, parallel_tool_calls=False),
    chat(ASKED, functions=[{"name": "weather"}]),
    chat("a b", logprobs=True, top_logprobs=3),
    chat("a b", response_format={"type": "json_schema", "json_schema": {"name": "n"}}),
    chat("a b", reasoning_effort="high", top_k=5),
]


@pytest.mark.parametrize("body", BODIES, ids=lambda body: list(body)[-1])
def test_live_and_replayed_answers_are_the_same_bytes(
    serve: Callable[..., FakeLLMServer], tmp_path: Path, body: dict[str, Any]
) -> None:
    cache = tmp_path / "cassettes"
    streamed = {**body, "stream": True}
    live = serve(lenient=True)
    recording = serve(lenient=True, cache=cache)
    assert ask(recording.base_url, streamed).status == 200
    replaying = serve(lenient=True, cache=cache, mode="replay")
    for asked in (body, streamed):
        one, other = (ask(server.base_url, asked) for server in (live, replaying))
        assert one.status == 200
        assert one.body == other.body
    assert [call.replayed for call in replaying.calls] == [True, True]
