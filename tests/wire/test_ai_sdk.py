"""Through the Vercel AI SDK, over both of OpenAI's APIs."""

import math
from collections.abc import Callable
from typing import Any

import pytest

from tests.wire.programs import Said

pytestmark = pytest.mark.wire

ANSWER = "The capital of France is Paris."


@pytest.fixture(scope="module")
def all_said(run_node: Callable[[str], Said]) -> Said:
    return run_node("ai-sdk.mjs")


@pytest.fixture(params=["chat completions", "responses"])
def said(all_said: Said, request: pytest.FixtureRequest) -> Said:
    return lambda call: all_said(f"{request.param}: {call}")


def test_a_plain_answer(said: Said) -> None:
    plain = said("plain")
    assert (plain["text"], plain["finishReason"]) == (ANSWER, "stop")
    assert plain["usage"]["outputTokens"] == 7


def test_a_streamed_answer_is_the_plain_one(said: Said) -> None:
    plain, streamed = said("plain"), said("streamed")
    assert "".join(streamed["deltas"]) == ANSWER
    assert len(streamed["deltas"]) == 7
    assert streamed["finishReason"] == "stop"
    for count in ("inputTokens", "outputTokens", "totalTokens"):
        assert streamed["usage"][count] == plain["usage"][count]


def test_a_tool_is_called_and_its_result_answered(said: Said) -> None:
    called, answered = said("loop")
    assert called["finishReason"] == "tool-calls"
    assert called["results"]
    for result in called["results"]:
        assert result["toolName"] == "get_weather"
        assert result["output"] == f"It is 21 degrees in {result['input']['city']}."
    assert answered["text"]
    assert answered["results"] == []


def test_a_streamed_loop_is_the_plain_one(said: Said) -> None:
    assert said("streamed loop") == said("loop")


def test_a_structured_answer(said: Said) -> None:
    assert valid(said("structured"))
    assert said("streamed structure") == said("structured")


def test_an_embedding(all_said: Said) -> None:
    assert math.isclose(math.hypot(*all_said("embedding")), 1, rel_tol=1e-5)


def valid(weather: Any) -> bool:
    return weather["city"] in ("Paris", "Rome") and 0 <= weather["celsius"] <= 40
