"""Tools and values through the real openai client, replayed from this project's recordings."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from openai import AsyncOpenAI, LengthFinishReasonError, OpenAI, pydantic_function_tool
from pydantic import BaseModel, Field

from slmtape import FakeLLMServer

MODEL = "smollm2-135m"
ASKED: Any = [{"role": "user", "content": "How warm is it in Paris?"}]


class Weather(BaseModel):
    """The weather in a city."""

    city: Literal["Paris", "Rome"]
    celsius: int = Field(ge=0, le=40)


class GetWeather(BaseModel):
    """The weather in a city."""

    city: Literal["Paris", "Rome"]


TOOLS: Any = [pydantic_function_tool(GetWeather, name="get_weather")]
NAMED: Any = {"type": "function", "function": {"name": "get_weather"}}


@pytest.fixture
def client(tape: FakeLLMServer) -> Iterator[OpenAI]:
    with OpenAI(**tape.openai_client_args()) as client:
        yield client


def test_a_tool_is_called_and_its_result_answered(client: OpenAI) -> None:
    called = client.chat.completions.create(
        model=MODEL, messages=ASKED, tools=TOOLS, tool_choice="required", parallel_tool_calls=False
    )
    assert called.choices[0].finish_reason == "tool_calls"
    message = called.choices[0].message
    assert message.content is None
    [call] = message.tool_calls or []
    assert call.type == "function"
    assert call.function.name == "get_weather"
    assert GetWeather.model_validate_json(call.function.arguments).city
    result: Any = {"role": "tool", "tool_call_id": call.id, "content": "It is 21 degrees."}
    messages: Any = [*ASKED, message, result]
    answered = client.chat.completions.create(
        model=MODEL, messages=messages, tools=TOOLS, tool_choice="none", max_completion_tokens=32
    )
    assert answered.choices[0].finish_reason == "stop"
    assert answered.choices[0].message.content


@pytest.mark.parametrize(("choice", "finish_reason"), [("required", "tool_calls"), (NAMED, "stop")])
def test_a_streamed_call_is_the_plain_one(client: OpenAI, choice: Any, finish_reason: str) -> None:
    options: Any = {"model": MODEL, "messages": ASKED, "tools": TOOLS, "tool_choice": choice}
    plain = client.chat.completions.parse(**options, parallel_tool_calls=False)
    with client.chat.completions.stream(**options, parallel_tool_calls=False) as stream:
        done = [e.arguments for e in stream if e.type == "tool_calls.function.arguments.done"]
        final = stream.get_final_completion()
    [called] = plain.choices[0].message.tool_calls or []
    [streamed] = final.choices[0].message.tool_calls or []
    assert (streamed.id, streamed.function) == (called.id, called.function)
    assert isinstance(called.function.parsed_arguments, GetWeather)
    assert done == [called.function.arguments]
    assert plain.choices[0].finish_reason == final.choices[0].finish_reason == finish_reason


def test_a_value_is_parsed_plain_and_streamed(client: OpenAI) -> None:
    options: Any = {"model": MODEL, "messages": ASKED, "response_format": Weather}
    plain = client.chat.completions.parse(**options).choices[0].message.parsed
    with client.chat.completions.stream(**options) as stream:
        streamed = stream.get_final_completion().choices[0].message.parsed
    assert isinstance(plain, Weather)
    assert streamed == plain


def test_a_value_that_was_cut_off_is_not_parsed(client: OpenAI) -> None:
    with pytest.raises(LengthFinishReasonError):
        client.chat.completions.parse(
            model=MODEL, messages=ASKED, response_format=Weather, max_completion_tokens=3
        )


def test_json_without_a_schema(client: OpenAI) -> None:
    said = client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "Paris has 21 degrees. Say this as a JSON object."}],
        response_format={"type": "json_object"},
    )
    assert isinstance(json.loads(said.choices[0].message.content or ""), dict)


def test_log_probabilities(client: OpenAI) -> None:
    completion = client.chat.completions.create(
        model=MODEL, messages=ASKED, max_completion_tokens=4, logprobs=True, top_logprobs=2
    )
    [choice] = completion.choices
    assert choice.logprobs is not None
    tokens = choice.logprobs.content or []
    assert "".join(token.token for token in tokens) == choice.message.content
    for token in tokens:
        first, second = token.top_logprobs
        assert token.token == first.token  # at temperature 0
        assert 0 >= first.logprob >= second.logprob


def test_headers_come_with_the_raw_response(client: OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model=MODEL, messages=ASKED, response_format={"type": "text"}, max_completion_tokens=8
    )
    assert raw.headers["x-request-id"]
    assert raw.headers["x-slmtape-key"]
    assert raw.parse().choices[0].message.content


def test_an_asynchronous_client_calls_and_parses(tape: FakeLLMServer) -> None:
    async def ask() -> tuple[Any, Any]:
        async with AsyncOpenAI(**tape.openai_client_args()) as client:
            async with client.chat.completions.stream(
                model=MODEL, messages=ASKED, tools=TOOLS, tool_choice=NAMED
            ) as stream:
                final = await stream.get_final_completion()
            parsed = await client.chat.completions.parse(
                model=MODEL, messages=ASKED, response_format=Weather
            )
        return final.choices[0].message.tool_calls, parsed.choices[0].message.parsed

    calls, weather = asyncio.run(ask())
    assert isinstance(calls[0].function.parsed_arguments, GetWeather)
    assert isinstance(weather, Weather)
