"""Faults as values: what they make of an answer, and when they happen."""

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmtape import faults
from slmtape.errors import ConfigurationError, FaultError
from slmtape.faults import Fault, Written
from slmtape.generation import EmbeddingResult, GenerationResult, Piece, Request
from slmtape.happening import Happening, Happenings
from slmtape.matching import Matcher
from tests.support import request_for

STREAM = Written(b"<", (b"a", b"b", b"c"), b">", 3, streamed=True)
BODY = Written(b"<abc", (), b"def>", 3, streamed=False)
RESULT = GenerationResult(
    pieces=(
        *(Piece("hm", "reasoning"), Piece("a"), Piece(" b"), Piece("f", "call")),
        *(Piece('{"x":', "arguments"), Piece("123}", "arguments")),
    ),
    finish_reason="stop",
    prompt_tokens=3,
    completion_tokens=6,
    reasoning_tokens=1,
)
VECTOR = EmbeddingResult(vector=(1.0,), prompt_tokens=1)


def sent(fault: Fault, written: Written) -> list[bytes | None]:
    """What is sent."""
    return [part.content for part in fault.send(written)]


@pytest.mark.parametrize(
    ("fault", "stream", "body"),
    [
        (faults.Reset(after=2), [b"<", b"a", b"b", None], [b"<abc", None]),
        (faults.Reset(after=0), [b"<", None], [b"<abc", None]),
        (faults.End(after=1), [b"<", b"a"], [b"<abc"]),
        (faults.End(after=99), [b"<", b"a", b"b", b"c"], [b"<abc"]),
        (faults.Stall(after=1), [b"<", b"a", b"b", b"c", b">"], [b"<abc", b"def>"]),
        (faults.Delay(1), [b"<", b"a", b"b", b"c", b">"], [b"<abc", b"def>"]),
        (faults.Pace(first=1), [b"<", b"a", b"b", b"c", b">"], [b"<abcdef>"]),
    ],
    ids=repr,
)
def test_what_is_sent(fault: Fault, stream: list[bytes | None], body: list[bytes | None]) -> None:
    assert sent(fault, STREAM) == stream
    assert sent(fault, BODY) == body


def test_a_malformed_event_is_between_the_others() -> None:
    opening, first, broken, *rest = sent(faults.Malformed(after=1), STREAM)
    assert [opening, first, *rest] == [b"<", b"a", b"b", b"c", b">"]
    assert broken
    assert broken.startswith(b"data: {")
    assert broken.endswith(b"\n\n")


def test_a_stall_is_a_pause_in_the_middle() -> None:
    pauses = [part.seconds for part in faults.Stall(after=3, seconds=2.5).send(STREAM)]
    assert pauses == [0, 0, 0, 0, 2.5]
    assert [part.seconds for part in faults.Stall().send(BODY)] == [0, float("inf")]


@given(st.floats(0, 1), st.integers(0, 2**32), st.integers(1, 50))
def test_pauses_vary_by_jitter_and_repeat_by_seed(jitter: float, seed: int, count: int) -> None:
    pace = faults.Pace(first=3, tokens_per_second=20, jitter=jitter, seed=seed)
    first, *pauses = pace.pauses(count)
    assert first == 3
    assert len(pauses) == count - 1
    assert all(abs(pause - 0.05) <= 0.05 * jitter + 1e-9 for pause in pauses)
    assert [first, *pauses] == pace.pauses(count)


def test_a_body_comes_when_its_last_piece_would_have() -> None:
    pace = faults.Pace(first=1, tokens_per_second=10)
    [whole] = pace.send(BODY)
    assert whole.content == b"<abcdef>"
    assert whole.seconds == pytest.approx(1.2)
    assert sum(part.seconds for part in pace.send(STREAM)) == pytest.approx(1.2)


@given(after=st.integers(0, 8), cls=st.sampled_from([faults.Length, faults.ContentFilter]))
def test_an_answer_is_cut_off_between_pieces(after: int, cls: Any) -> None:
    cut = cls(after=after).change(RESULT)
    assert cut.pieces == RESULT.pieces[:after]
    assert cut.finish_reason == cls.kind
    assert cut.completion_tokens == min(after, 6)
    assert cut.reasoning_tokens == min(after, 1)
    with pytest.raises(FaultError, match="vector"):
        cls(after=after).change(VECTOR)


def test_a_calls_arguments_end_in_the_middle() -> None:
    cut = faults.TruncatedCall().change(RESULT)
    assert isinstance(cut, GenerationResult)
    [call] = cut.tool_calls
    assert (call.name, call.arguments, cut.finish_reason) == ("f", '{"x"', "length")
    assert cut.text == RESULT.text
    for other in (VECTOR, replace(RESULT, pieces=(Piece("a"),))):
        with pytest.raises(FaultError, match="calls no tool"):
            faults.TruncatedCall().change(other)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: faults.Status(200),
        lambda: faults.Status(429, retry_after=-1),
        lambda: faults.Delay(-1),
        lambda: faults.Delay(float("nan")),
        lambda: faults.Delay(float("inf")),
        lambda: faults.Status("429"),  # type: ignore[arg-type]
        lambda: faults.Status(429, retry_after=float("inf")),
        lambda: faults.Reset(after=1.5),  # type: ignore[arg-type]
        lambda: faults.Reset(after=-1),
        lambda: faults.End(after=-1),
        lambda: faults.Stall(seconds=-1),
        lambda: faults.Malformed(after=-1),
        lambda: faults.ErrorEvent(status=99),
        lambda: faults.ErrorEvent(after=-1),
        lambda: faults.Pace(first=-1),
        lambda: faults.Pace(tokens_per_second=0),
        lambda: faults.Pace(jitter=2),
        lambda: faults.Length(after=-1),
        lambda: faults.ContentFilter(after=-1),
        lambda: Happening("oh no", Matcher()),  # type: ignore[arg-type]
        lambda: Happening(faults.Reset(), Matcher(), every=0),
        lambda: Happening(faults.Reset(), Matcher(), probability=1.1),
    ],
)
def test_what_can_not_happen_is_refused(wrong: Callable[[], object]) -> None:
    with pytest.raises(FaultError):
        wrong()


def test_a_fault_that_never_happens_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="times=0"):
        Happening(faults.Reset(), Matcher(), times=0)


def happened(count: int = 12, **when: Any) -> str:
    """Which of so many equal calls a fault befell: `x`."""
    happening = Happening(faults.Reset(), Matcher(), **when)
    return "".join("x" if happening.befalls([request_for()], "echo") else "." for _ in range(count))


def test_faults_happen_always_some_times_or_every_so_often() -> None:
    assert happened() == "xxxxxxxxxxxx"
    assert happened(times=1) == "x..........."
    assert happened(times=3) == "xxx........."
    assert happened(every=3) == "..x..x..x..x"
    assert happened(every=3, times=2) == "..x..x......"


def test_chance_is_repeatable() -> None:
    assert happened(probability=0.0) == "." * 12
    assert happened(100, probability=0.5, seed=1) == happened(100, probability=0.5, seed=1)
    assert happened(100, probability=0.5, seed=1) != happened(100, probability=0.5, seed=2)
    assert 20 < happened(100, probability=0.3, seed=7).count("x") < 40


def test_a_fault_that_never_happened_is_told_but_for_bad_luck() -> None:
    late = Happening(faults.Reset(), Matcher(), every=3)
    lucky = Happening(faults.Reset(), Matcher(), probability=0.0)
    assert [one.idle.split(" ")[0] for one in (late, lucky)] == ["No", "No"]
    for one in (late, lucky):
        one.befalls([request_for()], "echo")
    assert late.idle == (
        "It never came to the fault Reset() for any request: 1 met it, and one in 3 fails."
    )
    assert lucky.idle == ""


def test_only_calls_that_are_meant_are_counted() -> None:
    happening = Happening(faults.Reset(), Matcher(user="b"), every=2)
    asked = ["a", "b", "a", "b", "ab", "b"]
    befallen = [happening.befalls([request_for(text)], "echo") for text in asked]
    assert befallen == [False, False, False, True, False, True]
    assert (happening.met, happening.used) == (4, 2)


def test_the_first_fault_that_is_due_happens() -> None:
    happenings = Happenings()
    happenings.add(Happening(faults.Status(429), Matcher(), times=1))
    happenings.add(Happening(faults.End(), Matcher(user="x")))
    happenings.add(Happening(faults.Delay(1), Matcher()))

    def fault(text: str, *, early: bool = False) -> Fault | None:
        return happenings.fault([request_for(text)], "echo", early=early)

    assert [fault("y"), fault("x"), fault("y"), fault("x", early=True)] == [
        faults.Status(429),
        faults.End(),
        faults.Delay(1),
        faults.Delay(1),
    ]


def test_a_predicate_that_fails_says_so() -> None:
    def when(request: Request) -> bool:
        raise KeyError(request.model)

    happening = Happening(faults.Reset(), Matcher(when=when))
    with pytest.raises(FaultError, match="when when raised KeyError"):
        happening.befalls([request_for()], "echo")


@pytest.mark.parametrize("after", range(4))
def test_every_fault_of_a_stream_begins_as_the_answer_does(after: int) -> None:
    kinds = (faults.Reset, faults.End, faults.Stall, faults.Malformed)
    for kind, written in product(kinds, (STREAM, BODY)):
        whole = b"".join([written.opening, *written.pieces, written.closing])
        parts = sent(kind(after=after), written)
        beginning = b"".join(filter(None, parts[: 1 + (after if written.streamed else 0)]))
        assert whole.startswith(beginning)
