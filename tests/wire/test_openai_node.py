"""Through openai-node."""

import math
from collections.abc import Callable

import pytest

from tests.wire.programs import Said

pytestmark = pytest.mark.wire

ANSWER = "The capital of France is Paris."


@pytest.fixture(scope="module")
def said(run_node: Callable[[str], Said]) -> Said:
    return run_node("openai.mjs")


def test_a_plain_answer(said: Said) -> None:
    completion = said("plain")
    assert completion["choices"][0]["message"]["content"] == ANSWER
    assert completion["usage"]["completion_tokens"] == 7


def test_a_streamed_answer_is_the_plain_one(said: Said) -> None:
    streamed = said("streamed")
    assert "".join(streamed["deltas"]) == ANSWER
    assert len(streamed["deltas"]) == 7
    final = streamed["final"]
    assert final["id"] == said("plain")["id"]
    assert final["choices"][0]["message"]["content"] == ANSWER
    assert final["choices"][0]["finish_reason"] == "stop"
    assert streamed["usage"]["completion_tokens"] == 7


def test_a_streamed_tool_call_is_the_plain_one(said: Said) -> None:
    plain, streamed = (
        said("tool")[how]["choices"][0]["message"]["tool_calls"][0] for how in ("plain", "streamed")
    )
    assert plain["function"]["name"] == streamed["function"]["name"] == "get_weather"
    assert plain["function"]["arguments"] == streamed["function"]["arguments"]
    assert plain["id"] == streamed["id"]


def test_the_runner_calls_a_function(said: Said) -> None:
    loop = said("loop")
    assert loop["results"] in (["It is 21 degrees in Paris."], ["It is 21 degrees in Rome."])
    assert loop["roles"] == ["user", "assistant", "tool"]


@pytest.mark.parametrize("call", ["parsed", "parsed response"])
def test_a_parsed_answer_is_valid(said: Said, call: str) -> None:
    weather = said(call)
    assert weather["city"] in ("Paris", "Rome")
    assert 0 <= weather["celsius"] <= 40


def test_a_response_and_the_one_after_it(said: Said) -> None:
    first, second = said("response")["first"], said("response")["second"]
    assert first["output_text"] == ANSWER
    assert second["previous_response_id"] == first["id"]
    assert second["usage"]["input_tokens"] > first["usage"]["total_tokens"]


def test_a_streamed_response_is_the_plain_one(said: Said) -> None:
    streamed = said("streamed response")
    assert streamed["types"].count("response.output_text.delta") == 7
    assert streamed["types"][-1] == "response.completed"
    assert streamed["final"]["output_text"] == ANSWER


def test_a_response_calls_a_tool_and_its_result_is_answered(said: Said) -> None:
    tool = said("response's tool")
    assert tool["call"]["name"] == "get_weather"
    assert tool["answer"]


def test_an_embedding_is_the_same_in_both_encodings(said: Said) -> None:
    by_default, floats = said("embedding")
    assert by_default == pytest.approx(floats, rel=1e-6)
    assert math.isclose(math.hypot(*floats), 1, rel_tol=1e-5)


def test_an_error_is_the_one_that_openai_raises(said: Said) -> None:
    assert said("error") == {"name": "NotFoundError", "status": 404, "code": "model_not_found"}
