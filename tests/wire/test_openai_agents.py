"""Through OpenAI's Agents SDK, over both of its APIs."""

import asyncio
from typing import Any, Literal

import pytest
from agents import (
    Agent,
    ModelSettings,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    Runner,
    function_tool,
)
from openai import AsyncOpenAI
from pydantic import BaseModel, Field

from slmtape import FakeLLMServer

pytestmark = pytest.mark.wire

MODEL = "smollm2-135m"
QUESTION = "What is the capital of France"
ANSWER = "The capital of France is Paris."
ASKED = "How warm is it in Paris?"
BRIEF = ModelSettings(max_tokens=48)
MUST_CALL = ModelSettings(max_tokens=48, tool_choice="required")
"""In the turn after a call, the SDK lets the model choose again."""


class Weather(BaseModel):
    city: Literal["Paris", "Rome"]
    celsius: int = Field(ge=0, le=40)


@function_tool
def get_weather(city: Literal["Paris", "Rome"]) -> str:
    """The weather in a city."""
    return f"It is 21 degrees in {city}."


@pytest.fixture
def client(tape: FakeLLMServer) -> AsyncOpenAI:
    return AsyncOpenAI(**tape.openai_client_args())


@pytest.fixture(params=[OpenAIChatCompletionsModel, OpenAIResponsesModel])
def model(client: AsyncOpenAI, request: pytest.FixtureRequest) -> Any:
    return request.param(MODEL, client)


def test_a_plain_answer(client: AsyncOpenAI, model: Any) -> None:
    result = run(client, Agent(name="Geographer", model=model, model_settings=BRIEF), QUESTION)
    assert result.final_output == ANSWER
    assert result.context_wrapper.usage.output_tokens == 7


def test_a_streamed_answer(client: AsyncOpenAI, model: Any) -> None:
    async def ask() -> Any:
        agent = Agent(name="Geographer", model=model, model_settings=BRIEF)
        async with client:
            result = Runner.run_streamed(agent, QUESTION)
            deltas = [
                event.data.delta
                async for event in result.stream_events()
                if event.type == "raw_response_event"
                and event.data.type == "response.output_text.delta"
            ]
        return deltas, result.final_output

    deltas, final = asyncio.run(ask())
    assert "".join(deltas) == final == ANSWER
    assert len(deltas) == 7


def test_a_tool_is_called_and_the_agent_answers(client: AsyncOpenAI, model: Any) -> None:
    agent = Agent(name="Forecaster", model=model, model_settings=MUST_CALL, tools=[get_weather])
    result = run(client, agent, ASKED)
    called, output, *_, last = result.new_items
    assert called.raw_item.name == "get_weather"
    assert output.output.startswith("It is 21 degrees in")
    assert last.type == "message_output_item"
    assert result.final_output


def test_a_structured_answer(client: AsyncOpenAI, model: Any) -> None:
    agent = Agent(name="Forecaster", model=model, model_settings=BRIEF, output_type=Weather)
    assert isinstance(run(client, agent, ASKED).final_output, Weather)


def test_one_agent_hands_over_to_another(client: AsyncOpenAI, model: Any) -> None:
    geographer = Agent(name="Geographer", model=model, model_settings=BRIEF)
    desk = Agent(name="Desk", model=model, model_settings=MUST_CALL, handoffs=[geographer])
    result = run(client, desk, QUESTION)
    assert result.last_agent is geographer
    assert [item.type for item in result.new_items] == [
        "handoff_call_item",
        "handoff_output_item",
        "message_output_item",
    ]
    assert result.final_output


def run(client: AsyncOpenAI, agent: Any, asked: str) -> Any:
    """What the agent answers within a few turns."""

    async def ask() -> Any:
        async with client:
            return await Runner.run(agent, asked, max_turns=4)

    return asyncio.run(ask())
