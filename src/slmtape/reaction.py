"""How an application reacted to the faults that a test asked for.

Known is only what came to the server. A call tries another one again if it asks the same after that
one had failed, unless it opened a connection while that one's was open: a client that waits for its
answer has no use for a second connection, so those are equal requests that were sent at once.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf
from typing import Literal

from slmtape import faults
from slmtape.call import Call
from slmtape.errors import ClientGone, ServerStopped
from slmtape.generation import GenerationRequest, GenerationResult

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

_QUOTABLE = 12
"""How many characters a user hardly says by chance just as a model did."""

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


@dataclass(frozen=True, slots=True, eq=False)
class _Attempt:
    """A call, and its number.

    `end` is when it was over, in seconds since the epoch; None: it is under way. `opens` whether it
    is the first on its connection.
    """

    number: int
    call: Call
    end: float | None
    opens: bool

    @property
    def failed(self) -> bool:
        """Whether its fault left the application without an answer."""
        call = self.call
        broken = isinstance(call.fault, faults.Reset | faults.Malformed | faults.End)
        return call.fault is not None and (broken or call.error is not None)

    @property
    def due(self) -> float:
        """When it may be tried again, as far as the client was told."""
        wait = getattr(self.call.fault, "retry_after", None)
        return inf if self.end is None else self.end + (wait or 0.0)

    def follows(self, before: "_Attempt") -> bool:
        """Whether it may try that one again."""
        started, wire = self.call.started, before.call.wire
        if before.end is None or started < before.end:
            return False
        beside = self.opens and wire and (wire.closed is None or wire.closed > started)
        return not beside


def reaction(
    calls: Sequence[Call],
    *,
    attempts: int = ATTEMPTS,
    patience: float = PATIENCE,
    now: float = inf,
) -> Reaction:
    """What an application did when calls went wrong.

    Args:
        calls: all that a server got.
        attempts: how often an application may ask the same, if that fails each time.
        patience: for how many seconds of silence it may wait.
        now: until when calls that are under way have waited, in seconds since the epoch.
    """
    findings: list[Finding] = []
    timeline: list[str] = []
    every = _attempts(calls)
    for chain in _chains(every):
        timeline += _timeline(chain)
        findings += _too_often(chain, attempts)
        findings += _too_early(chain)
        findings += _at_once(chain)
        findings += _too_patient(chain, patience, now)
        findings += _truncated(chain, every)
    return Reaction(tuple(findings), tuple(timeline))


def _attempts(calls: Sequence[Call]) -> list[_Attempt]:
    attempts, wires = [], set()
    for number, call in enumerate(calls, 1):
        seconds = call.seconds  # once: other threads go on
        end = None if seconds is None else call.started + seconds
        opens = call.wire is not None and id(call.wire) not in wires
        wires.add(id(call.wire))
        attempts.append(_Attempt(number, call, end, opens))
    return attempts


def _chains(attempts: Sequence[_Attempt]) -> list[list[_Attempt]]:
    """Calls that asked the same, each after the one before had failed; where anything failed.

    Where several have failed, the one that may be tried again first is the one that is: nobody is
    accused of what need not have been.
    """
    chains: list[list[_Attempt]] = []
    failed: defaultdict[object, list[list[_Attempt]]] = defaultdict(list)
    for attempt in sorted(attempts, key=lambda one: one.call.started):
        known = failed[attempt.call.path, attempt.call.requests]
        before = [chain for chain in known if attempt.follows(chain[-1])]
        chain = min(before, key=lambda chain: chain[-1].due, default=None)
        if chain is None:
            chains.append(chain := [])
            known.append(chain)
        chain.append(attempt)
        if not attempt.failed:
            known.remove(chain)
    return [chain for chain in chains if chain[0].call.fault]


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
    hasty = [
        (before, after)
        for before, after, gap in _gaps(chain)
        if gap < _AT_ONCE
        and not gap >= before.due - (before.end or 0) > 0  # it was told to wait no longer
        and not isinstance(before.call.error, ClientGone)  # it waited already
    ]
    if len(hasty) >= 2:
        numbers = (hasty[0][0].number, *(after.number for _, after in hasty))
        listed = ", ".join(str(number) for number in numbers)
        text = f"calls {listed} asked the same again at once"
        yield Finding("no_back_off", numbers, text)


def _too_patient(chain: Sequence[_Attempt], patience: float, now: float) -> Iterator[Finding]:
    for one in chain:
        call, fault = one.call, one.call.fault
        if not isinstance(fault, faults.Delay | faults.Stall):
            continue
        if isinstance(fault, faults.Stall) and not call.results:
            continue  # there was no answer yet, or none at all
        seconds = inf if fault.seconds is None else fault.seconds
        waited = seconds if one.end is not None else min(seconds, now - call.started)
        if isinstance(call.error, ClientGone) or waited < patience:
            continue
        if one.end is None or isinstance(call.error, ServerStopped):
            text = f"call {one.number} still waits"
        else:
            text = f"call {one.number} waited out a silence of {seconds:g} s"
        yield Finding("no_time_out", (one.number,), text)


def _truncated(chain: Sequence[_Attempt], attempts: Sequence[_Attempt]) -> Iterator[Finding]:
    last = chain[-1]
    fault, end = last.call.fault, last.end
    if not (isinstance(fault, faults.End) and last.call.stream and last.call.results):
        return
    later = [] if end is None else [one for one in attempts if one.call.started >= end]
    said = _said(last.call, fault.after).strip()
    used = [one.number for one in later if said and _repeats(one.call, said)]
    question = _question(last.call)
    before = any(isinstance(one.call.fault, faults.End) for one in chain[:-1])
    if not used and (before or any(_question(one.call) == question for one in later)):
        return  # it asked again, be it another model, or had done so before it gave up
    text = f"the stream of call {last.number} had no end, and nobody asked again"
    if used:
        text += f"; call {used[0]} goes on from what it said by then"
    yield Finding("accepted_truncated_stream", (last.number, *used[:1]), text)


def _question(call: Call) -> object:
    """What is the same where a client asks again, be it another model."""
    return [
        (one.messages, one.prompt) if isinstance(one, GenerationRequest) else one
        for one in call.requests
    ]


def _repeats(call: Call, said: str) -> bool:
    """Whether this is among what is sent: as a model's message, or in one of the user's."""
    return any(
        message.content.strip() == said
        if message.role == "assistant"
        else message.role == "user" and len(said) >= _QUOTABLE and said in message.content
        for message in call.messages
    )


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
