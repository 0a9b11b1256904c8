"""Is a recording still what the model says?"""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from slmtape import generating
from slmtape.errors import EngineNotInstalled, ModelError, ServerStopped
from slmtape.generation import (
    EmbeddingRequest,
    GenerationResult,
    ModelFile,
    Piece,
    Recording,
    Request,
    Token,
    Tool,
)
from slmtape.verify import Outcome, Verdict, compare, verify
from tests.support import EchoEngine, recording_for, request_for
from tests.test_keys import REQUESTS


def echoed(request: Request, **made: str) -> Recording:
    """What the engine says, as it is recorded; made with more than usual."""
    engine = EchoEngine()
    engine.made |= made
    return generating.recording(engine, request, generating.answer(engine, request, lambda _: None))


def saying(recorded: Recording, **changes: Any) -> Recording:
    """The same recording with another result."""
    assert isinstance(recorded.result, GenerationResult)
    return replace(recorded, result=replace(recorded.result, **changes))


def told(verdict: Verdict) -> list[str]:
    return [str(one) for one in verdict.differences]


@given(REQUESTS)
def test_a_recording_is_the_same_as_itself_wherever_it_was_made(request: Any) -> None:
    here = echoed(request)
    there = replace(here, model=ModelFile("x", "x.gguf", "1" * 64), made_with={"cpu": "NEON"})
    assert compare(here, there) == Verdict(outcome=Outcome.SAME)


def test_each_part_of_an_answer_is_told_where_it_differs() -> None:
    weather = (Tool("weather", parameters='{"type":"object"}'), Tool("time"))
    before = echoed(request_for('<hm> It is\ncall weather {"city":"Paris"}', tools=weather))
    after = echoed(request_for("<ha> It was\ncall time {}", tools=weather))
    assert told(compare(before, after)) == [
        "text: 'It is' → 'It was'",
        "reasoning: 'hm' → 'ha'",
        "tool_calls[0].name: 'weather' → 'time'",
        "tool_calls[0].arguments: '{\"city\":\"Paris\"}' → '{}'",
    ]
    after = saying(before, finish_reason="length", prompt_tokens=9)
    assert told(compare(before, after)) == [
        "finish_reason: 'stop' → 'length'",
        "usage.prompt_tokens: 1 → 9",
    ]


def test_numbers_are_told_where_the_words_are_the_same() -> None:
    before = echoed(request_for("one two", top_logprobs=1))
    pieces = (
        Piece("one", tokens=(Token(b"one", -0.5, ((b"0", -0.0),)),)),
        Piece(" two", tokens=(Token(b" two", -0.25, ((b"0", -3.0),)),)),
    )
    assert told(compare(before, saying(before, pieces=pieces))) == [
        "logprobs[1].logprob: -0.5 → -0.25",
        "logprobs[1].top_logprobs[0].logprob: -0.0 → -3.0",
    ]


def test_where_only_the_pieces_differ_they_are_told() -> None:
    before = recording_for(request_for(), "hel", "lo")
    after = saying(before, pieces=(Piece("hello"),))
    assert told(compare(before, after)) == ["pieces: 'hel|lo' → 'hello'"]


def test_vectors_are_compared_and_not_all_of_their_numbers_shown() -> None:
    before = echoed(EmbeddingRequest(model="echo", input="one"))
    after = echoed(EmbeddingRequest(model="echo", input="two"))
    verdict = compare(before, after)
    assert verdict.outcome is Outcome.CHANGED
    assert len(verdict.differences) == 8
    long = replace(verdict, differences=verdict.differences * 3)
    assert [line.strip() for line in long.lines()][-1] == "… and 16 more"


@pytest.mark.parametrize(
    ("recorded", "now", "outcome", "why"),
    [
        ({}, {}, Outcome.CHANGED, ""),
        ({"cpu": "AVX"}, {"cpu": "AVX"}, Outcome.CHANGED, ""),
        ({"chunk": "64"}, {"chunk": "128"}, Outcome.CHANGED, ""),
        (
            {"cpu": "AVX"},
            {"cpu": "NEON"},
            Outcome.CANNOT_TELL,
            "It was made on another kind of processor, where it may be true.",
        ),
        ({}, {"cpu": "AVX"}, Outcome.CANNOT_TELL, "It doesn't say what processor it was made on."),
    ],
)
def test_a_difference_is_a_change_unless_it_was_made_elsewhere(
    recorded: dict[str, str], now: dict[str, str], outcome: Outcome, why: str
) -> None:
    before = echoed(request_for("old"), **recorded)
    verdict = compare(before, echoed(request_for("new"), **now))
    assert (verdict.outcome, verdict.why) == (outcome, why)
    assert told(verdict) == ["text: 'old' → 'new'"]
    assert [one.path for one in verdict.made_with] == ([*now] if recorded != now else [])


def test_another_file_of_the_model_is_told_by_its_digest() -> None:
    before = replace(echoed(request_for("old")), model=ModelFile("echo", "echo.gguf", "1" * 64))
    verdict = compare(before, echoed(request_for("new")))
    assert verdict.outcome is Outcome.CANNOT_TELL
    assert "with another file of the model" in verdict.why
    assert [one.path for one in verdict.made_with] == ["model"]


def test_an_edited_recording_says_so() -> None:
    before = replace(echoed(request_for("old")), edited=True)
    verdict = compare(before, echoed(request_for("new")))
    assert (verdict.outcome, verdict.why) == (Outcome.CHANGED, "It was edited by hand.")


class Failing(EchoEngine):
    """Raises instead of answering."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def generate(self, request: Any, say: Any) -> GenerationResult:
        raise self._error


def test_a_model_that_is_not_to_be_had_is_no_change() -> None:
    verdict = verify(recording_for(request_for()), Failing(ModelError("gone")), lambda _: None)
    assert verdict == Verdict(outcome=Outcome.CANNOT_TELL, why="gone")


def test_no_answer_from_the_model_it_was_made_with_is_a_change_and_from_another_is_none() -> None:
    engine = Failing(RuntimeError("no memory"))
    recorded = recording_for(request_for())
    verdict = verify(recorded, engine, lambda _: None)
    assert verdict.outcome is Outcome.CHANGED
    assert verdict.why == "The model gives no answer to this now: RuntimeError: no memory"
    engine.model = replace(engine.model, sha256="1" * 64)
    assert verify(recorded, engine, lambda _: None).outcome is Outcome.CANNOT_TELL


@pytest.mark.parametrize("error", [EngineNotInstalled("pip"), ServerStopped("stopped")])
def test_what_says_nothing_about_the_recording_is_raised(error: Exception) -> None:
    with pytest.raises(type(error)):
        verify(recording_for(request_for()), Failing(error), lambda _: None)
