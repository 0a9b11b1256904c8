"""Through Pydantic AI, over both of OpenAI's APIs."""

import asyncio
from typing import Any, Literal

import pytest
from openai import AsyncOpenAI
from pydantic import BaseModel, Field
from pydantic_ai import Agent, NativeOutput, ToolOutput
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider

from slmtape import FakeLLMServer

pytestmark = pytest.mark.wire

MODEL = "smollm2-135m"
QUESTION = "What is the capital of France"
ANSWER = "The capital of France is Paris."
ASKED = "How warm is it in Paris?"


class Weather(BaseModel):
    city: Literal["Paris", "Rome"]
    celsius: int = Field(ge=0, le=40)


def get_weather(city: Literal["Paris", "Rome"]) -> str:
    """The weather in a city."""
    return f"It is 21 degrees in {city}."


@pytest.fixture
def client(tape: FakeLLMServer) -> AsyncOpenAI:
    return AsyncOpenAI(**tape.openai_client_args())


@pytest.fixture(params=[OpenAIChatModel, OpenAIResponsesModel])
def model(client: AsyncOpenAI, request: pytest.FixtureRequest) -> Any:
    provider = OpenAIProvider(openai_client=client)
    return request.param(MODEL, provider=provider, settings={"max_tokens": 48})


def test_a_plain_answer(client: AsyncOpenAI, model: Any) -> None:
    result = run(client, Agent(model), QUESTION)
    assert result.output == ANSWER
    assert result.usage.output_tokens == 7


def test_a_streamed_answer(client: AsyncOpenAI, model: Any) -> None:
    async def ask() -> list[str]:
        async with client, Agent(model).run_stream(QUESTION) as result:
            return [text async for text in result.stream_text(delta=True, debounce_by=None)]

    deltas = asyncio.run(ask())
    assert "".join(deltas) == ANSWER
    assert len(deltas) == 7


def test_a_tool_is_called_and_the_agent_answers(client: AsyncOpenAI, model: Any) -> None:
    agent = Agent(model, tools=[get_weather], capabilities=[MustCallFirst()])
    result = run(client, agent, ASKED)
    parts = [part for message in result.all_messages() for part in message.parts]
    called = [part for part in parts if part.part_kind == "tool-call"]
    returned = [part for part in parts if part.part_kind == "tool-return"]
    assert called
    assert [part.tool_call_id for part in returned] == [part.tool_call_id for part in called]
    assert returned[0].content.startswith("It is 21 degrees in")
    assert result.output


@pytest.mark.parametrize("output", [NativeOutput, ToolOutput])
def test_a_structured_answer(client: AsyncOpenAI, model: Any, output: Any) -> None:
    result = run(client, Agent(model, output_type=output(Weather)), ASKED)
    assert isinstance(result.output, Weather)


class MustCallFirst(AbstractCapability):  # type: ignore[misc]
    """A tool is called in the first step, and none in those after it."""

    def get_model_settings(self) -> Any:
        return lambda context: {"tool_choice": "required" if context.run_step == 1 else "none"}


def run(client: AsyncOpenAI, agent: Any, asked: str) -> Any:
    """What the agent answers."""

    async def ask() -> Any:
        async with client:
            return await agent.run(asked)

    return asyncio.run(ask())
