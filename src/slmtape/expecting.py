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

_SHOWN, _COMPARED = 24, 400
"""How many calls are told, and how much of what they say is looked at, and how many of them."""


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
            and _meets(self.matcher, call)
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
                came = {"model": repr(call.model), "when": "False"}
                came["user"] = _likest(alone, call.user_text)
                yield f"{str(alone).replace(name, f'{name}:', 1)} → {_short(came[name], 120)}"

    def __str__(self) -> str:
        told = [str(self.matcher)] if self.matcher != Matcher() else []
        told += [f"path {self.path}"] if self.path else []
        told += [f"tools {', '.join(self.tools)}"] if self.tools else []
        return ", ".join(told) or "any call"


def _meets(matcher: Matcher, call: Call) -> bool:
    try:
        return any(matcher.fits(request, call.model) for request in call.requests)
    except Exception as error:
        error.add_note(f"This was raised for the call with user {call.user_text[:_COMPARED]!r}.")
        raise


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
    if not found:
        lines += _differing(expected, calls)
    return "\n".join(lines)


def order_complaint(
    expected: Sequence[Expectation], calls: Sequence[Call], *, only: bool
) -> str | None:
    """What is wrong unless calls came in this order; `only`: and no others."""
    pairs = _aligned(expected, calls)
    wrong = [call is None or (only and one is None) for one, call in pairs]
    if not any(wrong):
        return None
    what = "exactly these calls" if only else "these calls in this order"
    rows = [
        _row(
            "" if one is None else f"{expected[one]}{' (missing)' if call is None else ''}",
            "" if call is None else _numbered(call, calls),
            mark=bad,
        )
        for (one, call), bad in zip(pairs, wrong, strict=True)
    ]
    told = [f"Expected {what}; other calls came.", "", _row("expected", "came")]
    told += _around(rows, wrong.index(True))
    told += _elsewhere(expected, calls, pairs)
    return "\n".join(told)


def _aligned(
    expected: Sequence[Expectation], calls: Sequence[Call]
) -> list[tuple[int | None, int | None]]:
    """As many expectations as possible beside calls that meet them, both in their order."""
    fits = [[one.fits(call) for call in calls] for one in expected]
    met = _can_be_met(fits, len(calls))
    pairs: list[tuple[int | None, int | None]] = []
    i = j = 0
    while i < len(expected) or j < len(calls):
        if i < len(expected) and j < len(calls) and fits[i][j] and met[i][j] > met[i + 1][j + 1]:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif i < len(expected) and met[i + 1][j] == met[i][j]:
            pairs.append((i, None))
            i += 1
        else:
            pairs.append((None, j))
            j += 1
    return pairs


def _can_be_met(fits: Sequence[Sequence[bool]], calls: int) -> list[list[int]]:
    """How many expectations from the i-th on can be met by calls from the j-th on."""
    met = [[0] * (calls + 1) for _ in range(len(fits) + 1)]
    for i in reversed(range(len(fits))):
        for j in reversed(range(calls)):
            met[i][j] = max(met[i + 1][j], met[i][j + 1], met[i + 1][j + 1] + fits[i][j])
    return met


def _elsewhere(
    expected: Sequence[Expectation],
    calls: Sequence[Call],
    pairs: Sequence[tuple[int | None, int | None]],
) -> Iterator[str]:
    """Of what is missing first: the call that meets it at another time, or the nearest."""
    indexes = (one for one, call in pairs if one is not None and call is None)
    first = next(indexes, None)
    if first is None:
        return
    missing = expected[first]
    fitting = [number for number, call in enumerate(calls, 1) if missing.fits(call)]
    if fitting:
        yield f"\n{missing}: call {fitting[0]} is one, but not in this order."
        return
    nearest = _nearest(missing, calls)
    if nearest is not None:
        yield f"\n{missing}: call {nearest + 1} is the nearest. It differs (expected → came):"
        yield from (f"  {line}" for line in missing.misfits(calls[nearest]))


def came(matcher: Matcher, calls: Sequence[Call]) -> str:
    """What came instead of a request that a matcher fits, and how the nearest differs."""
    expected = Expectation(matcher)
    return "\n".join([*_came(expected, calls), *_differing(expected, calls)]).strip()


def _differing(expected: Expectation, calls: Sequence[Call]) -> list[str]:
    nearest = _nearest(expected, calls)
    if nearest is None or expected.fits(calls[nearest]):
        return []
    misfits = [f"  {line}" for line in expected.misfits(calls[nearest])]
    return ["", f"Call {nearest + 1} is the nearest. It differs (expected → came):", *misfits]


def _came(expected: Expectation, calls: Sequence[Call]) -> list[str]:
    if not calls:
        return ["No call came at all."]
    marks = [expected.fits(call) for call in calls]
    lines = [
        f"{'>' if mark else ' '} {_numbered(index, calls)}" for index, mark in enumerate(marks)
    ]
    first = marks.index(True) if True in marks else _nearest(expected, calls)
    return ["", "These came:", *_around(lines, first or 0)]


def _around(lines: Sequence[str], middle: int) -> Iterator[str]:
    """Those about the middle, where they are many."""
    start = max(0, min(middle - _SHOWN // 2, len(lines) - _SHOWN))
    after = len(lines) - start - _SHOWN
    yield from [f"  … {start} before"] if start else []
    yield from lines[start : start + _SHOWN]
    yield from [f"  … {after} after"] if after > 0 else []


def _numbered(index: int, calls: Sequence[Call]) -> str:
    return f"{index + 1}. {_told(calls[index])}"


def _told(call: Call) -> str:
    """A call in a line."""
    said = _short(repr(call.user_text[:_COMPARED]), 44) if call.requests else call.path
    return f"{call.model or '?'} {said} → {_short(_outcome(call), 44)}"


def _outcome(call: Call) -> str:
    """What it was answered with, in short."""
    if call.error:
        return f"error {call.error.code or type(call.error).__name__}"
    if call.tool_calls:
        return ", ".join(f"{one.name}({one.arguments[:_COMPARED]})" for one in call.tool_calls)
    if call.text or call.refusal:
        return repr((call.text or call.refusal or "")[:_COMPARED])
    return "under way" if call.seconds is None else call.source or "nothing"


def _nearest(expected: Expectation, calls: Sequence[Call]) -> int | None:
    """The call that misses least of what is expected, and says what is most like it."""

    def distance(index: int) -> tuple[int, float]:
        call = calls[index]
        likeness = _compared(expected.matcher, call.user_text[:_COMPARED]).ratio()
        return len(list(expected.misfits(call))), -likeness

    return min(range(len(calls))[-_COMPARED:], key=distance, default=None)


def _likest(matcher: Matcher, text: str) -> str:
    """A long text from a little before what is most like what was expected of it."""
    start = _compared(matcher, text[: 25 * _COMPARED]).find_longest_match().b - _EXPECTED
    return repr(text) if start < 0 or len(text) < 100 else f"…{text[start:]!r}"


def _compared(matcher: Matcher, text: str) -> difflib.SequenceMatcher[str]:
    user = matcher.user
    wanted = user if isinstance(user, str) else user.pattern if user else ""
    return difflib.SequenceMatcher(a=wanted[:_COMPARED], b=text, autojunk=False)


def _row(left: str, right: str, *, mark: bool = False) -> str:
    """Two columns, each as many lines as it needs; the first has a mark, or not."""
    lefts = textwrap.wrap(left, _EXPECTED) or [""]
    rights = textwrap.wrap(right, _CAME) or [""]
    height = max(len(lefts), len(rights))
    lefts += [""] * (height - len(lefts))
    rights += [""] * (height - len(rights))
    marks = [">" if mark else " "] + [" "] * (height - 1)
    both = zip(marks, lefts, rights, strict=True)
    return "\n".join(f"{m} {one:<{_EXPECTED}}  {other}".rstrip() for m, one, other in both)


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"
