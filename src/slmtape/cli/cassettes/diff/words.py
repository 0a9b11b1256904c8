"""How two texts differ, word by word."""

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from slmtape.contrast import common

_WORD = re.compile(r"\n|[^\S\n]+|\w+|[^\w\s]")
_MOST = 2000
"""Words that are compared one by one; texts that differ in more are told as wholly different."""

_ALIKE = 0.35
"""Share of letters that texts have in common; of those with less, each is told whole."""

_CONTEXT = 40
"""Characters that are shown of what is the same, beside what is not."""


@dataclass(frozen=True, slots=True)
class Span:
    """A part of two texts: what both have, or what only the one or the other has."""

    kind: Literal["same", "removed", "added"]
    text: str


def spans(before: str, after: str) -> list[Span]:
    """The parts in their order; what is only white space between changes belongs to them."""
    start = common(before, after)
    end = common(before[start:][::-1], after[start:][::-1])
    start, end = _word_start(before, after, start), _word_end(before, after, start, end)
    head, tail = before[:start], before[len(before) - end :]
    middle = _compared(before[start : len(before) - end], after[start : len(after) - end])
    found = [Span("same", head), *middle, Span("same", tail)]
    return [span for span in _joined(found) if span.text]


def excerpts(parts: Sequence[Span]) -> Iterator[Span]:
    """The parts, long ones that are the same cut to what is beside a change."""
    for index, span in enumerate(parts):
        first, last = index == 0, index == len(parts) - 1
        room = _CONTEXT * (2 - first - last) + 1
        if span.kind != "same" or len(span.text) <= room:
            yield span
            continue
        head = "" if first else span.text[:_CONTEXT]
        tail = "" if last else span.text[-_CONTEXT:]
        yield Span("same", f"{head}…{tail}")


def _word_start(before: str, after: str, start: int) -> int:
    """`start`, or where the word begins that it is in the middle of."""
    while start > 0 and any(_inside(text, start) for text in (before, after)):
        start -= 1
    return start


def _word_end(before: str, after: str, start: int, end: int) -> int:
    """`end`, in characters from the end, or where the word ends that it is in the middle of."""
    end = min(end, len(before) - start, len(after) - start)
    while end > 0 and any(_inside(text, len(text) - end) for text in (before, after)):
        end -= 1
    return end


def _inside(text: str, place: int) -> bool:
    """Whether there is a word on both sides of this place."""
    return bool(re.fullmatch(r"\w\w|[^\S\n]{2}", text[max(0, place - 1) : place + 1]))


def _compared(before: str, after: str) -> Iterator[Span]:
    one, other = _WORD.findall(before), _WORD.findall(after)
    matcher = difflib.SequenceMatcher(a=one, b=other, autojunk=False)
    if max(len(one), len(other)) > _MOST or not _alike(one, other, matcher):
        yield from (Span("removed", before), Span("added", after))
        return
    for kind, i, j, k, n in matcher.get_opcodes():
        if kind == "equal":
            yield Span("same", "".join(one[i:j]))
        else:
            yield from (Span("removed", "".join(one[i:j])), Span("added", "".join(other[k:n])))


def _alike(one: Sequence[str], other: Sequence[str], matcher: difflib.SequenceMatcher[str]) -> bool:
    shared = [word for i, _, size in matcher.get_matching_blocks() for word in one[i : i + size]]
    return _letters(shared) >= _ALIKE * max(_letters(one), _letters(other))


def _letters(words: Sequence[str]) -> int:
    return sum(len(word) for word in words if not word.isspace())


def _joined(parts: Sequence[Span]) -> Iterator[Span]:
    """Neighbouring changes as one: first all that is removed, then all that is added."""
    removed = added = ""
    for index, span in enumerate(parts):
        between = 0 < index < len(parts) - 1 and (removed or added) and not span.text.strip(" \t")
        if span.kind != "added" and (span.kind == "removed" or between):
            removed += span.text
        if span.kind != "removed" and (span.kind == "added" or between):
            added += span.text
        if span.kind == "same" and not between:
            yield from _change(removed, added)
            removed = added = ""
            yield span
    yield from _change(removed, added)


def _change(removed: str, added: str) -> Iterator[Span]:
    yield Span("removed", removed)
    yield Span("added", added)
