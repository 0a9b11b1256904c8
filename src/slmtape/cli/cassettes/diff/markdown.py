"""Changes as markdown, for a comment on a pull request."""

import html
import re
from collections.abc import Iterator, Sequence

from slmtape.cli.cassettes.diff import telling
from slmtape.cli.cassettes.diff.changes import Change, Kind
from slmtape.cli.cassettes.diff.telling import Line
from slmtape.cli.visible import visible

_MOST = 60_000
"""Characters. GitHub takes 65,536 in a comment."""


def markdown(changes: Sequence[Change]) -> str:
    """A line that says how many there are of each kind, and what differs, folded away.

    Where that would be more than a comment holds, the rest are named only.
    """
    parts = [f"**{telling.summary(changes)}**\n"]
    rest = []
    for change in filter(telling.noteworthy, changes):
        detail = _detail(change)
        if sum(map(len, parts)) + len(detail) < _MOST:
            parts.append(detail)
        else:
            rest.append(change)
    if rest:
        parts.append(f"… and {len(rest)} more, for which there is no room here.\n")
    parts += _made_with(changes)
    return "\n".join(parts)


def _detail(change: Change) -> str:
    lines = "\n".join(_lines(change))
    return _folded(_title(change), lines)


def _folded(title: str, lines: str) -> str:
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`{3,}", lines))])
    return f"<details><summary>{title}</summary>\n\n{fence}diff\n{lines}\n{fence}\n\n</details>\n"


def _title(change: Change) -> str:
    name, _, kind = telling.title(change).rpartition(": ")
    return f"{kind}: <code>{html.escape(name)}</code>"


def _lines(change: Change) -> Iterator[str]:
    if change.kind is Kind.DAMAGED:
        yield from _block("", telling.problem(change.found))
    elif change.before is None or change.after is None:
        assert not isinstance(change.found.recording, str)
        sign = "+" if change.before is None else "-"
        for line in telling.content(change.found.recording):
            yield from _block(sign, f"{line.label}: {_side(line, 'same')}")
    else:
        yield from _compared("request", telling.lines(change.request))
        yield from _compared("answer", telling.lines(change.answer))
        if not change.answer:
            yield "  The answer is the same."


def _compared(name: str, lines: Sequence[Line]) -> Iterator[str]:
    """Both sides of each place, one below the other."""
    for line in lines:
        yield f"@@ {name}: {' '.join(line.label.split())} @@"
        for sign, kind in (("-", "removed"), ("+", "added")):
            if any(span.kind == kind for span in line.spans):
                yield from _block(sign, _side(line, "same", kind))


def _side(line: Line, *kinds: str) -> str:
    return "".join(span.text for span in line.spans if span.kind in kinds)


def _block(sign: str, text: str) -> Iterator[str]:
    return (f"{sign or ' '} {line}" for line in text.split("\n"))


def _made_with(changes: Sequence[Change]) -> Iterator[str]:
    for count, found in telling.made_with(changes):
        many = "one recording was" if count == 1 else f"{count} recordings were"
        lines = "\n".join(visible(f"  {one}") for one in found)
        yield _folded(f"What {many} made with differs", lines)
