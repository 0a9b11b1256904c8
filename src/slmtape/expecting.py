"""What a test expects of calls, and the text that says what came instead."""

import difflib
import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from slmtape.call import Call
from slmtape.matching import Matcher

Wanted = str | re.Pattern[str] | Matcher
"""A call in a sequence: what the user said last, or a Matcher."""

_EXPECTED, _CAME = 36, 58
"""Widths of columns, in characters."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """A call that a test expects. `tools`: names of tools that are on offer, among others."""

    matcher: Matcher = field(default_factory=Matcher)
    path: str | None = None
    tools: tuple[str, ...] = ()

    def fits(self, call: Call) -> bool:
        """Whether a call is one that is expected."""
        return (
            self.path in (None, call.path)
            and set(self.tools) <= {tool.name for tool in call.tools}
            and any(self.matcher.fits(request, call.model) for request in call.requests)
        )

    def misfits(self, call: Call) -> Iterator[str]:
        """A line for each thing that keeps a call from being expected: `expected → came`."""
        if self.path not in (None, call.path):
            yield f"path: {self.path} → {call.path}"
        offered = ", ".join(tool.name for tool in call.tools) or "none"
        if missing := [tool for tool in self.tools if tool not in offered.split(", ")]:
            yield f"tools: {', '.join(missing)} → {offered}"
        request = call.request
        if request is None:
            yield f"the request makes no sense: {call.error and call.error.message}"
            return
        for name in ("user", "model", "when"):
            wanted = getattr(self.matcher, name)
            alone = Matcher(**{name: wanted})
            if wanted is not None and not alone.fits(request, call.model):
                came = {"user": repr(call.user_text), "model": repr(call.model), "when": "False"}
                yield f"{str(alone).replace(name, f'{name}:', 1)} → {_short(came[name], 120)}"

    def __str__(self) -> str:
        told = [str(self.matcher)] if self.matcher != Matcher() else []
        told += [f"path {self.path}"] if self.path else []
        told += [f"tools {', '.join(self.tools)}"] if self.tools else []
        return ", ".join(told) or "any call"


def expectation(wanted: Wanted) -> Expectation:
    """What an element of a sequence expects."""
    return Expectation(wanted if isinstance(wanted, Matcher) else Matcher(user=wanted))


def complaint(
    expected: Expectation, calls: Sequence[Call], found: int, times: int | None
) -> str | None:
    """What is wrong where so many calls were `found`: None if one at least was, or `times`."""
    if found == times or (times is None and found):
        return None
    wanted = {None: "a call", 0: "no call", 1: "one call"}.get(times, f"{times} calls")
    lines = [
        f"Expected {wanted} ({expected}), but {found or 'none'} came.",
        *_came(expected, calls),
    ]
    nearest = None if found else _nearest(expected, calls)
    if nearest is not None:
        lines += ["", f"Call {nearest + 1} is the nearest. It differs (expected → came):"]
        lines += [f"  {line}" for line in expected.misfits(calls[nearest])]
    return "\n".join(lines)


def order_complaint(
    expected: Sequence[Expectation], calls: Sequence[Call], *, only: bool
) -> str | None:
    """What is wrong unless calls came in this order; `only`: and no others."""
    met = _met(expected, calls, only=only)
    if None not in met and (not only or len(calls) == len(expected)):
        return None
    what = "exactly these calls" if only else "these calls in this order"
    lines = [f"Expected {what}; other calls came.", "", _row("expected", "came")]
    rows = max(len(expected), len(calls))
    for index in range(rows):
        left = right = ""
        if index < len(expected):
            sign = "missing" if met[index] is None else f"= call {_number(met[index])}"
            left = f"{expected[index]} ({sign})"
        if index < len(calls):
            right = f"{index + 1}. {_told(calls[index])}"
        lines.append(_row(left, right))
    return "\n".join(lines)


def _met(expected: Sequence[Expectation], calls: Sequence[Call], *, only: bool) -> list[int | None]:
    """The number of the call that meets each expectation; None: none does."""
    if only:
        pairs = zip(expected, calls, strict=False)
        met: list[int | None] = [
            i if one.fits(call) else None for i, (one, call) in enumerate(pairs)
        ]
        return met + [None] * (len(expected) - len(met))
    met, start = [], 0
    for one in expected:
        found = next((i for i in range(start, len(calls)) if one.fits(calls[i])), None)
        start = start if found is None else found + 1
        met.append(found)
    return met


def _came(expected: Expectation, calls: Sequence[Call]) -> list[str]:
    if not calls:
        return ["No call came at all."]
    lines = ["", "These came:"]
    for number, call in enumerate(calls, 1):
        lines.append(f"{'>' if expected.fits(call) else ' '} {number}. {_told(call)}")
    return lines


def _told(call: Call) -> str:
    """A call in a line."""
    said = _short(repr(call.user_text), 44) if call.requests else call.path
    error = call.error and (call.error.code or type(call.error).__name__)
    by = f"error {error}" if error else call.source or "under way"
    return f"{call.model or '?'} {said} ({by})"


def _nearest(expected: Expectation, calls: Sequence[Call]) -> int | None:
    """The call that misses least of what is expected, and says what is most like it."""

    def distance(index: int) -> tuple[int, float]:
        call, user = calls[index], expected.matcher.user
        wanted = user if isinstance(user, str) else user.pattern if user else ""
        likeness = difflib.SequenceMatcher(a=wanted, b=call.user_text).ratio()
        return len(list(expected.misfits(call))), -likeness

    return min(range(len(calls)), key=distance, default=None)


def _row(left: str, right: str) -> str:
    """Two columns, each as many lines as it needs."""
    lefts = textwrap.wrap(left, _EXPECTED) or [""]
    rights = textwrap.wrap(right, _CAME) or [""]
    height = max(len(lefts), len(rights))
    lefts += [""] * (height - len(lefts))
    rights += [""] * (height - len(rights))
    both = zip(lefts, rights, strict=True)
    return "\n".join(f"  {one:<{_EXPECTED}}  {other}".rstrip() for one, other in both)


def _number(index: int | None) -> int:
    assert index is not None
    return index + 1


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"
