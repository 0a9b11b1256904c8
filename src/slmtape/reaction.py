"""How an application reacted to the faults that a test asked for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from slmtape import faults
from slmtape.call import Call
from slmtape.errors import ClientGone
from slmtape.generation import GenerationResult

Kind = Literal[
    "retried_too_often",
    "ignored_retry_after",
    "no_back_off",
    "no_time_out",
    "accepted_truncated_stream",
]
ATTEMPTS = 5
PATIENCE = 5.0

_HOPELESS = (400, 401, 403, 404, 413, 422)
"""Statuses that the same request will get again."""

_AT_ONCE = 0.05
"""Seconds in which nobody backs off."""

_EARLY = 0.95
"""How much of the time that it was asked to wait a client must have waited: clocks differ."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What an application should not do. `calls`: which, counted from 1."""

    kind: Kind
    calls: tuple[int, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Reaction:
    """How an application took its faults: `findings`, none where it did well.

    As text it tells what happened when.
    """

    findings: tuple[Finding, ...]
    timeline: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def kinds(self) -> list[Kind]:
        """What was found, in short."""
        return [finding.kind for finding in self.findings]

    def check(self) -> None:
        """Raise AssertionError, which tells all, where anything was found."""
        __tracebackhide__ = True
        if self.findings:
            raise AssertionError(str(self))

    def __str__(self) -> str:
        found = [f"  {one.kind.replace('_', ' ')}: {one.text}" for one in self.findings]
        verdict = ["The application reacted badly:", *found] if found else ["It reacted well."]
        return "\n".join([*self.timeline, *verdict])


@dataclass(frozen=True, slots=True)
class _Attempt:
    """A call, and its number."""

    number: int
    call: Call

    @property
    def end(self) -> float | None:
        """When it was over, in seconds since the epoch; None: it is under way."""
        return None if self.call.seconds is None else self.call.started + self.call.seconds

    @property
    def failed(self) -> bool:
        """Whether its fault left the application without an answer."""
        call = self.call
        broken = isinstance(call.fault, faults.Reset | faults.Malformed | faults.End)
        return call.fault is not None and (broken or call.error is not None)


def reaction(
    calls: Sequence[Call], *, attempts: int = ATTEMPTS, patience: float = PATIENCE
) -> Reaction:
    """What an application did when calls went wrong.

    Args:
        calls: all that a server got.
        attempts: how often an application may ask the same, if that fails each time.
        patience: for how many seconds of silence it may wait.
    """
    findings: list[Finding] = []
    timeline: list[str] = []
    for chain in _chains(calls):
        timeline += _timeline(chain)
        findings += _too_often(chain, attempts)
        findings += _too_early(chain)
        findings += _at_once(chain)
        findings += _too_patient(chain, patience)
        findings += _truncated(chain, calls)
    return Reaction(tuple(findings), tuple(timeline))


def _chains(calls: Sequence[Call]) -> Iterator[list[_Attempt]]:
    """Calls that asked the same, each after the one before had failed; where anything failed."""
    taken: set[int] = set()
    numbered = [_Attempt(number, call) for number, call in enumerate(calls, 1)]
    for first in numbered:
        if first.number in taken or first.call.fault is None:
            continue
        chain = [first]
        while chain[-1].failed and (following := _next(chain[-1], numbered, taken)):
            chain.append(following)
            taken.add(following.number)
        yield chain


def _next(before: _Attempt, attempts: Sequence[_Attempt], taken: set[int]) -> _Attempt | None:
    """The call that asks the same again, after this one was over."""
    end, call = before.end, before.call
    if end is None:
        return None
    again = (
        other
        for other in attempts
        if other.number not in taken
        and other.call.started >= end - 0.001  # two clocks
        and (other.call.path, other.call.requests) == (call.path, call.requests)
        and other.number > before.number
    )
    return next(again, None)


def _too_often(chain: Sequence[_Attempt], attempts: int) -> Iterator[Finding]:
    for before, after in pairwise(chain):
        fault = before.call.fault
        hopeless = isinstance(fault, faults.Status) and fault.status in _HOPELESS
        if hopeless or isinstance(fault, faults.ContextOverflow):
            text = f"call {after.number} asks again what call {before.number} was refused for good"
            yield Finding("retried_too_often", (before.number, after.number), text)
    if len(chain) > attempts and chain[attempts].failed:
        numbers = tuple(one.number for one in chain)
        text = f"the same was asked {len(chain)} times, at most {attempts} were expected"
        yield Finding("retried_too_often", numbers, text)


def _too_early(chain: Sequence[_Attempt]) -> Iterator[Finding]:
    for before, after, gap in _gaps(chain):
        wanted = getattr(before.call.fault, "retry_after", None)
        if wanted is not None and gap < wanted * _EARLY - 0.02:
            text = (
                f"call {after.number} came {gap:.2f} s after call {before.number}, "
                f"which asked to wait {wanted:g} s"
            )
            yield Finding("ignored_retry_after", (before.number, after.number), text)


def _at_once(chain: Sequence[_Attempt]) -> Iterator[Finding]:
    hasty = [(before, after) for before, after, gap in _gaps(chain) if gap < _AT_ONCE]
    if len(hasty) >= 2:
        numbers = (hasty[0][0].number, *(after.number for _, after in hasty))
        listed = ", ".join(str(number) for number in numbers)
        text = f"calls {listed} asked the same again at once"
        yield Finding("no_back_off", numbers, text)


def _too_patient(chain: Sequence[_Attempt], patience: float) -> Iterator[Finding]:
    for one in chain:
        fault = one.call.fault
        if not isinstance(fault, faults.Delay | faults.Stall):
            continue
        if one.end is None:
            text = f"call {one.number} still waits"
        elif isinstance(one.call.error, ClientGone) or (fault.seconds or 0) < patience:
            continue
        else:
            text = f"call {one.number} waited out a silence of {fault.seconds:g} s"
        yield Finding("no_time_out", (one.number,), text)


def _truncated(chain: Sequence[_Attempt], calls: Sequence[Call]) -> Iterator[Finding]:
    last = chain[-1]
    fault = last.call.fault
    if not (isinstance(fault, faults.End) and last.call.stream):
        return
    text = f"the stream of call {last.number} had no end, and nobody asked again"
    said = _said(last.call, fault.after)
    used = [
        number
        for number, call in enumerate(calls, 1)
        if said and number > last.number and any(said == one.content for one in call.messages)
    ]
    if used:
        text += f"; call {used[0]} goes on from what it said by then"
    yield Finding("accepted_truncated_stream", (last.number, *used[:1]), text)


def _said(call: Call, after: int) -> str:
    """The text of the first pieces."""
    first = call.results[0] if call.results else None
    pieces = first.pieces[:after] if isinstance(first, GenerationResult) else ()
    return "".join(piece.text for piece in pieces if piece.kind == "text")


def _gaps(chain: Sequence[_Attempt]) -> Iterator[tuple[_Attempt, _Attempt, float]]:
    """Each attempt and the next, and the seconds from the end of the one to the other."""
    for before, after in pairwise(chain):
        if before.end is not None:
            yield before, after, max(0.0, after.call.started - before.end)


def _timeline(chain: Sequence[_Attempt]) -> Iterator[str]:
    first = chain[0].call
    yield f"{first.path} {first.user_text[:60]!r} ({first.model})"
    for one in chain:
        yield f"  {one.call.started - first.started:7.2f} s  call {one.number}: {_happened(one)}"


def _happened(one: _Attempt) -> str:
    call = one.call
    told = str(call.fault) if call.fault else f"answered by {call.source or 'nobody'}"
    if isinstance(call.error, ClientGone):
        told += f"; the client left after {call.seconds:.2f} s"
    elif call.error and not call.fault:
        told += f"; {call.error.code or type(call.error).__name__}"
    return told if one.end is not None else f"{told}; under way"
