"""Responses and embeddings through the real openai client, replayed from recordings."""

import asyncio
import math
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from openai import AsyncOpenAI, OpenAI, pydantic_function_tool
from pydantic import BaseModel, Field

from slmtape import FakeLLMServer
from slmtape.generation import GenerationRequest

MODEL = "smollm2-135m"
QUESTION = "What is the capital of France"
ANSWER = "The capital of France is Paris."
ASKED = "How warm is it in Paris?"
TOOL: Any = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather in a city.",
    "strict": True,
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string", "enum": ["Paris", "Rome"]}},
        "required": ["city"],
        "additionalProperties": False,
    },
}


class Weather(BaseModel):
    """The weather in a city."""

    city: Literal["Paris", "Rome"]
    celsius: int = Field(ge=0, le=40)


@pytest.fixture
def client(tape: FakeLLMServer) -> Iterator[OpenAI]:
    with OpenAI(**tape.openai_client_args()) as client:
        yield client


def test_a_response_replays_what_a_chat_completion_recorded(
    client: OpenAI, tape: FakeLLMServer
) -> None:
    response = client.responses.create(model=MODEL, input=QUESTION)
    assert response.output_text == ANSWER
    assert response.usage is not None
    assert response.usage.output_tokens == 7
    client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": QUESTION}])
    first, second = tape.calls
    assert first.keys == second.keys


def test_a_streamed_response_is_the_plain_one(client: OpenAI) -> None:
    plain = client.responses.create(model=MODEL, input=QUESTION, store=False)
    with client.responses.stream(model=MODEL, input=QUESTION, store=False) as stream:
        deltas = [event.delta for event in stream if event.type == "response.output_text.delta"]
        final = stream.get_final_response()
    assert "".join(deltas) == final.output_text == ANSWER
    assert len(deltas) == 7
    assert (final.id, final.usage) == (plain.id, plain.usage)


def test_a_conversation_goes_on_after_the_previous_response(
    client: OpenAI, tape: FakeLLMServer
) -> None:
    first = client.responses.create(model=MODEL, input=QUESTION)
    second = client.responses.create(
        model=MODEL,
        input="And of Italy?",
        previous_response_id=first.id,
        max_output_tokens=16,
    )
    assert second.previous_response_id == first.id
    assert second.output_text
    request = tape.calls.last.request
    assert isinstance(request, GenerationRequest)
    said = [(message.role, message.content) for message in request.messages]
    assert said == [("user", QUESTION), ("assistant", ANSWER), ("user", "And of Italy?")]


def test_a_tool_is_called_and_its_result_answered(client: OpenAI) -> None:
    options: Any = {"model": MODEL, "tools": [TOOL], "parallel_tool_calls": False}
    called = client.responses.create(input=ASKED, tool_choice="required", **options)
    [call] = called.output
    assert call.type == "function_call"
    assert call.name == "get_weather"
    result: Any = {
        "type": "function_call_output",
        "call_id": call.call_id,
        "output": "It is 21 degrees.",
    }
    answered = client.responses.create(
        input=[result],
        previous_response_id=called.id,
        tool_choice="none",
        max_output_tokens=32,
        **options,
    )
    assert answered.output_text


def test_a_streamed_call_is_the_plain_one(client: OpenAI) -> None:
    options: Any = {"model": MODEL, "input": ASKED, "tools": [TOOL], "tool_choice": "required"}
    options["store"] = False  # or they are two responses, with ids of their own
    plain = client.responses.create(**options)
    with client.responses.stream(**options) as stream:
        deltas = [e.delta for e in stream if e.type == "response.function_call_arguments.delta"]
        final = stream.get_final_response()
    called, streamed = plain.output[0], final.output[0]
    assert called.type == streamed.type == "function_call"
    assert "".join(deltas) == streamed.arguments == called.arguments
    assert streamed.call_id == called.call_id


def test_a_value_is_parsed_plain_and_streamed(client: OpenAI) -> None:
    plain = client.responses.parse(model=MODEL, input=ASKED, text_format=Weather)
    with client.responses.stream(model=MODEL, input=ASKED, text_format=Weather) as stream:
        streamed = stream.get_final_response()
    assert isinstance(plain.output_parsed, Weather)
    assert streamed.output_parsed == plain.output_parsed


def test_a_response_that_was_cut_off_says_so(client: OpenAI) -> None:
    cut = client.responses.create(model=MODEL, input="Tell me about the sea.", max_output_tokens=16)
    assert cut.status == "incomplete"
    assert cut.incomplete_details is not None
    assert cut.incomplete_details.reason == "max_output_tokens"


def test_headers_come_with_the_raw_response(client: OpenAI) -> None:
    raw = client.responses.with_raw_response.create(model=MODEL, input=QUESTION)
    assert raw.headers["x-request-id"]
    assert raw.parse().output_text == ANSWER


def test_an_asynchronous_client(tape: FakeLLMServer) -> None:
    async def ask() -> tuple[Any, Any]:
        async with AsyncOpenAI(**tape.openai_client_args()) as client:
            parsed = await client.responses.parse(
                model=MODEL,
                input=ASKED,
                tools=[pydantic_function_tool(Weather)],
                tool_choice="none",
                text_format=Weather,
            )
            stream = await client.responses.create(model=MODEL, input=QUESTION, stream=True)
            return parsed.output_parsed, [event.type async for event in stream]

    weather, types = asyncio.run(ask())
    assert isinstance(weather, Weather)
    assert types[0] == "response.created"
    assert types[-1] == "response.completed"


def test_an_embedding_is_the_same_in_both_encodings(client: OpenAI) -> None:
    options: Any = {"model": MODEL, "input": ["The sea is blue.", "A cat sleeps."]}
    one, other = client.embeddings.create(**options).data  # base64 over the wire
    floats = client.embeddings.create(**options, encoding_format="float").data[0]
    assert one.embedding == pytest.approx(floats.embedding, rel=1e-6)
    assert math.isclose(math.hypot(*one.embedding), 1, rel_tol=1e-5)
    assert other.embedding != one.embedding
