"""Through Pydantic AI, over both of OpenAI's APIs."""

import asyncio
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field
from pydantic_ai import Agent, NativeOutput, ToolOutput
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


@pytest.fixture(params=[OpenAIChatModel, OpenAIResponsesModel])
def model(tape: FakeLLMServer, request: pytest.FixtureRequest) -> Any:
    provider = OpenAIProvider(**tape.openai_client_args())
    return request.param(MODEL, provider=provider, settings={"max_tokens": 48})


def test_a_plain_answer(model: Any) -> None:
    result = Agent(model).run_sync(QUESTION)
    assert result.output == ANSWER
    assert result.usage.output_tokens == 7


def test_a_streamed_answer(model: Any) -> None:
    async def ask() -> list[str]:
        async with Agent(model).run_stream(QUESTION) as result:
            return [text async for text in result.stream_text(delta=True, debounce_by=None)]

    deltas = asyncio.run(ask())
    assert "".join(deltas) == ANSWER
    assert len(deltas) == 7


@pytest.mark.parametrize("output", [NativeOutput, ToolOutput])
def test_a_structured_answer(model: Any, output: Any) -> None:
    assert isinstance(Agent(model, output_type=output(Weather)).run_sync(ASKED).output, Weather)
