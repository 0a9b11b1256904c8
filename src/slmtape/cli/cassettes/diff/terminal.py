"""Changes as text for a terminal, in colours where it has some."""

from collections.abc import Iterable, Iterator, Sequence

from rich.text import Text

from slmtape.cli.cassettes import tables
from slmtape.cli.cassettes.diff import telling
from slmtape.cli.cassettes.diff.changes import Change, Found, Kind
from slmtape.cli.cassettes.diff.telling import Line
from slmtape.cli.cassettes.diff.words import Span
from slmtape.cli.visible import visible

_STYLES = {
    Kind.ADDED: "green",
    Kind.REMOVED: "red",
    Kind.CHANGED: "yellow",
    Kind.RERECORDED: "yellow",
    Kind.DAMAGED: "red",
}
_MARKS = {"same": ("", "", ""), "removed": ("[-", "-]", "red"), "added": ("{+", "+}", "green")}
_INDENT = "    "


def show(changes: Sequence[Change]) -> None:
    """Each change with what differs, what many share, and how many there are of each kind."""
    console = tables.console()
    for change in filter(telling.noteworthy, changes):
        for line in _lines(change):
            console.print(line, soft_wrap=True)
        console.print()
    for line in _made_with(changes):
        console.print(line, soft_wrap=True)
    console.print(telling.summary(changes), markup=False, soft_wrap=True)


def _lines(change: Change) -> Iterator[Text]:
    yield Text(telling.title(change), style=f"bold {_STYLES[change.kind]}")
    if change.kind is Kind.DAMAGED:
        yield Text(f"  {telling.problem(change.found)}")
    elif change.before is None or change.after is None:
        yield from _content(change.found)
    else:
        yield from _section("request", telling.lines(change.request))
        yield from _section("answer", telling.lines(change.answer))
        if not change.answer:
            yield Text("  The answer is the same.", style="dim")


def _content(found: Found) -> Iterator[Text]:
    assert not isinstance(found.recording, str)
    yield from (_line(line, "  ") for line in telling.content(found.recording))


def _section(name: str, lines: Iterable[Line]) -> Iterator[Text]:
    for index, line in enumerate(lines):
        if index == 0:
            yield Text(f"  {name}", style="dim")
        yield _line(line, _INDENT)


def _line(line: Line, indent: str) -> Text:
    text = Text(f"{indent}{line.label}: ")
    for span in line.spans:
        opened, closed, style = _MARKS[span.kind]
        text.append(f"{opened}{_indented(span, indent)}{closed}", style=style)
    return text


def _indented(span: Span, indent: str) -> str:
    return span.text.replace("\n", f"\n{indent}  ")


def _made_with(changes: Sequence[Change]) -> Iterator[Text]:
    for count, found in telling.made_with(changes):
        many = "one of them was" if count == 1 else f"{count} of them were"
        yield Text(f"What {many} made with differs:")
        yield from (Text(visible(f"  {one}")) for one in found)
        yield Text()
