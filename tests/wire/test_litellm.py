"""Through LiteLLM."""

import math
from collections.abc import Callable

import pytest

from tests.wire.programs import Said

pytestmark = pytest.mark.wire

ANSWER = "The capital of France is Paris."


@pytest.fixture(scope="module")
def said(run_openai2: Callable[[str], Said]) -> Said:
    return run_openai2("by_litellm.py")


def test_a_plain_answer(said: Said) -> None:
    plain = said("plain")
    assert plain["choices"][0]["message"]["content"] == ANSWER
    assert plain["usage"]["completion_tokens"] == 7
    assert said("asynchronous") == ANSWER


def test_a_streamed_answer_is_the_plain_one(said: Said) -> None:
    plain, streamed = said("plain"), said("streamed")
    assert "".join(streamed["deltas"]) == ANSWER
    assert len(streamed["deltas"]) == 7
    assert streamed["whole"]["choices"][0]["finish_reason"] == "stop"
    assert streamed["whole"]["usage"]["total_tokens"] == plain["usage"]["total_tokens"]


def test_a_tool_is_called_and_its_result_answered(said: Said) -> None:
    tool = said("tool")
    assert tool["call"]["function"]["name"] == "get_weather"
    assert tool["streamed"]["function"] == tool["call"]["function"]
    assert tool["finish_reason"] == "tool_calls"
    assert tool["answer"]


def test_a_structured_answer(said: Said) -> None:
    weather = said("structured")
    assert weather["city"] in ("Paris", "Rome")
    assert 0 <= weather["celsius"] <= 40


def test_a_response(said: Said) -> None:
    assert said("response") == ANSWER
    types = said("streamed response")
    assert types.count("response.output_text.delta") == 7
    assert types[-1] == "response.completed"


def test_an_embedding(said: Said) -> None:
    assert math.isclose(math.hypot(*said("embedding")), 1, rel_tol=1e-5)


def test_an_error_is_mapped(said: Said) -> None:
    assert said("error") == 404


def test_nothing_else_is_asked(said: Said) -> None:
    assert said("refused connections") == []
