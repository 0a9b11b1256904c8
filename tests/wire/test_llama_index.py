"""Through LlamaIndex, over both of OpenAI's APIs."""

from collections.abc import Callable

import pytest

from tests.wire.programs import Said

pytestmark = pytest.mark.wire

ANSWER = "The capital of France is Paris."


@pytest.fixture(scope="module")
def all_said(run_openai2: Callable[[str], Said]) -> Said:
    return run_openai2("by_llama_index.py")


@pytest.fixture(params=["chat completions", "responses"])
def said(all_said: Said, request: pytest.FixtureRequest) -> Said:
    return lambda call: all_said(f"{request.param}: {call}")


def test_a_plain_answer(said: Said) -> None:
    assert said("plain") == ANSWER


def test_a_streamed_answer_is_the_plain_one(said: Said) -> None:
    deltas = [delta for delta in said("streamed") if delta]
    assert "".join(deltas) == ANSWER
    assert len(deltas) == 7


def test_a_tool_is_called(said: Said) -> None:
    call = said("tool")
    assert call["name"] == "get_weather"
    assert call["arguments"]["city"] in ("Paris", "Rome")
    assert call["id"]


def test_a_structured_answer(said: Said) -> None:
    weather = said("structured")
    assert weather["city"] in ("Paris", "Rome")
    assert 0 <= weather["celsius"] <= 40


def test_an_agent_calls_its_tool_and_answers(said: Said) -> None:
    agent = said("agent")
    assert agent["outputs"][0].startswith("It is 21 degrees in")
    assert agent["answer"]


def test_nothing_else_is_asked(all_said: Said) -> None:
    assert all_said("refused connections") == []
