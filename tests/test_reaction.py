"""How applications react to faults: calls in time, and what is found in them."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmtape import faults
from slmtape.call import Call, Wire
from slmtape.errors import ClientGone, ServerStopped, SlmtapeError
from slmtape.faults import Fault
from slmtape.generation import GenerationResult, Message, Piece
from slmtape.reaction import Reaction, reaction
from tests.support import request_for

ANSWER = GenerationResult(
    pieces=(Piece("one"), Piece(" two"), Piece(" three")),
    finish_reason="stop",
    prompt_tokens=1,
    completion_tokens=3,
)


def call(started: float, fault: Fault | None = None, text: str = "hello", **fields: Any) -> Call:
    """A call at that second, which took a tenth of one."""
    error = SlmtapeError("x") if isinstance(fault, faults.Status) else None
    given = {"seconds": 0.1, "error": error} | fields
    return Call(
        "/v1/chat/completions",
        1_000_000 + started,
        requests=(request_for(text),),
        model="gpt-5",
        fault=fault,
        results=() if fault and fault.early else (ANSWER,),
        **given,
    )


LIMIT = faults.Status(429, retry_after=2)


def kinds(*calls: Call, **limits: Any) -> list[str]:
    """What is found."""
    return [str(kind) for kind in reaction(calls, **limits).kinds()]


def test_an_application_that_waits_and_asks_again_does_well() -> None:
    told = reaction([call(0, LIMIT), call(2.15, LIMIT), call(4.3)])
    assert told.ok
    told.check()
    assert (
        str(told)
        == """\
/v1/chat/completions 'hello' (gpt-5)
     0.00 s  call 1: Status(429, retry_after=2)
     2.15 s  call 2: Status(429, retry_after=2)
     4.30 s  call 3: answered by nobody
It reacted well."""
    )


def test_calls_without_faults_are_nothing_to_judge() -> None:
    assert reaction([]) == Reaction((), ())
    assert reaction([call(0), call(0.2), call(0.4)]).timeline == ()


def test_one_that_comes_back_too_early_ignores_retry_after() -> None:
    told = reaction([call(0, LIMIT), call(0.6)])
    assert told.kinds() == ["ignored_retry_after"]
    assert told.findings[0].calls == (1, 2)
    with pytest.raises(AssertionError, match=r"call 2 came 0\.50 s after call 1, .* wait 2 s"):
        told.check()


def test_one_that_asks_at_once_does_not_back_off() -> None:
    error = faults.Status(503)
    assert kinds(call(0, error), call(0.11, error), call(0.22)) == ["no_back_off"]
    assert kinds(call(0, error), call(0.11)) == []
    assert kinds(call(0, error), call(0.6, error), call(1.7)) == []


def test_one_that_asks_on_and_on_retries_too_often() -> None:
    error = faults.Status(500)
    storm = [call(2.0 * number, error) for number in range(8)]
    assert kinds(*storm) == ["retried_too_often"]
    assert kinds(*storm[:5]) == []
    assert kinds(*storm[:4], attempts=3) == ["retried_too_often"]
    assert kinds(*storm[:5], call(12)) == []


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
def test_what_was_refused_for_good_is_not_asked_again(status: int) -> None:
    assert kinds(call(0, faults.Status(status)), call(5)) == ["retried_too_often"]
    assert kinds(call(0, faults.Status(status)), call(5, text="other")) == []


def test_of_several_that_failed_the_one_that_is_due_is_tried_again() -> None:
    error = faults.Status(503)
    at_once = [call(0, LIMIT), call(0.05, error), call(0.7), call(2.2)]
    assert kinds(*at_once) == []
    assert kinds(*at_once[:2], call(0.7), call(0.8)) == ["ignored_retry_after"]


def test_who_opens_another_connection_asks_beside_the_first() -> None:
    def burst(*wires: Wire) -> list[str]:
        storm = [call(0.11 * i, faults.Status(503), wire=wire) for i, wire in enumerate(wires)]
        return kinds(*storm)

    one = Wire()
    assert burst(*[Wire() for _ in range(9)]) == []
    assert burst(*[one] * 9) == ["retried_too_often", "no_back_off"]
    assert burst(*[Wire(closed=1_000_000 + 0.11 * (i + 1)) for i in range(9)]) == burst(*[one] * 9)
    pool = [Wire() for _ in range(3)]
    assert burst(*pool * 4) == []  # each of three is tried four times


def test_who_comes_back_when_told_to_backs_off() -> None:
    soon = faults.Status(429, retry_after=0.02)
    assert kinds(*[call(0.13 * number, soon) for number in range(4)]) == []
    left: dict[str, Any] = {"error": ClientGone()}
    assert kinds(*[call(0.11 * number, faults.Delay(9), **left) for number in range(4)]) == []


def test_a_silence_that_the_servers_end_cut_short_was_waited_in() -> None:
    stopped = call(0, faults.Stall(), seconds=3.0, error=ServerStopped("stopped"))
    told = reaction([stopped], patience=0)
    assert [str(one.text) for one in told.findings] == ["call 1 still waits"]


def test_a_silence_that_did_not_come_or_is_short_is_none() -> None:
    missed = call(0, faults.Stall(seconds=9), seconds=0.1, error=SlmtapeError("nothing recorded"))
    assert kinds(replace(missed, results=())) == []
    assert kinds(call(0, faults.Stall(seconds=0.3), seconds=None)) == []


def test_one_that_waits_for_ever_has_no_time_out() -> None:
    assert kinds(call(0, faults.Stall(), seconds=None)) == ["no_time_out"]
    assert kinds(call(0, faults.Delay(9), seconds=9.1)) == ["no_time_out"]
    assert kinds(call(0, faults.Delay(2), seconds=2.1)) == []
    assert kinds(call(0, faults.Delay(2), seconds=2.1), patience=1) == ["no_time_out"]
    assert kinds(call(0, faults.Stall(), seconds=3.0, error=ClientGone())) == []


def test_who_has_not_yet_waited_long_has_patience_left() -> None:
    waiting = call(0, faults.Stall(), seconds=None)
    for now, found in ((1_000_004, []), (1_000_006, ["no_time_out"])):
        assert reaction([waiting], now=now).kinds() == found


def test_a_stream_without_an_end_is_no_answer() -> None:
    cut = call(0, faults.End(after=2), stream=True)
    assert kinds(cut) == ["accepted_truncated_stream"]
    assert kinds(cut, call(1)) == []
    assert kinds(replace(cut, stream=False)) == []
    turns = (Message("user", "hello"), Message("assistant", "one two"), Message("user", "more"))
    used = replace(call(3), requests=(replace(request_for("more"), messages=turns),))
    told = reaction([cut, used])
    assert told.findings[0].calls == (1, 2)
    assert "call 2 goes on from what it said" in told.findings[0].text


def test_a_stream_without_an_end_may_be_asked_of_another_model_or_given_up() -> None:
    cut = call(0, faults.End(after=2), stream=True)
    other = call(1)
    other.requests = (replace(request_for("hello"), model="another"),)
    assert kinds(cut, other) == []
    again = call(1, faults.End(after=2), stream=True)
    assert kinds(cut, again) == []
    limited = call(0, LIMIT)
    assert kinds(limited, replace(cut, started=1_000_003)) == ["accepted_truncated_stream"]


def test_what_a_stream_without_an_end_said_may_come_back_from_the_user() -> None:
    cut = call(0, faults.End(after=3), stream=True)
    told = reaction([cut, call(3, text="summarize: one two three")])
    assert told.findings[0].calls == (1, 2)
    assert reaction([cut, call(3, text="summarize")]).findings[0].calls == (1,)


def test_many_calls_are_judged_soon() -> None:
    class Counted(Call):
        compared = 0

        def __getattribute__(self, name: str) -> Any:
            Counted.compared += name == "requests"
            return super().__getattribute__(name)

    many: list[Call] = []
    for number in range(500):
        one = call(number, faults.Status(500), text=f"{number}")
        many.append(Counted(one.path, one.started, one.requests, fault=one.fault, seconds=0.1))
    reaction(many)
    assert Counted.compared < 10 * len(many)


def test_what_is_sent_at_once_is_not_asked_again() -> None:
    error = faults.Status(500)
    assert kinds(*[call(0.01 * number, error) for number in range(8)]) == []


def test_a_broken_connection_may_be_tried_again() -> None:
    for fault in (faults.Reset(), faults.Reset(after=1), faults.Malformed()):
        assert kinds(call(0, fault), call(1), call(2)) == []


@given(
    st.lists(st.sampled_from([0.0, 0.02, 0.4, 3.0]), max_size=12),
    st.lists(
        st.sampled_from(
            [None, LIMIT, faults.Status(401), faults.End(), faults.Stall(), faults.Delay(1)]
        ),
        min_size=12,
        max_size=12,
    ),
)
def test_any_calls_can_be_judged(gaps: list[float], planned: list[Fault | None]) -> None:
    at, calls = 0.0, []
    for gap, fault in zip(gaps, planned, strict=False):
        at += gap + 0.1
        calls.append(call(at, fault, stream=True))
    told = reaction(calls)
    assert told.ok == ("reacted well" in str(told))
    assert all(1 <= number <= len(calls) for one in told.findings for number in one.calls)
    faulty = sum(one.fault is not None for one in calls)
    assert len(told.timeline) >= faulty
