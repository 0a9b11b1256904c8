"""How the commands print: tables with a line for each row, whatever the width of the terminal."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from slmtape.cli.visible import line


def console() -> Console:
    """Standard output, with colours where it has some."""
    return Console(highlight=False)


def table(*heads: str, numbers: Sequence[str] = ()) -> Table:
    """A table with these heads; `numbers` are those of figures, which end at one place."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for head in heads:
        made.add_column(head, justify="right" if head in numbers else "left")
    return made


def whole(text: str, style: str = "") -> Text:
    """A cell that is never cut."""
    return Text(line(text), style=style, no_wrap=True, overflow="ignore")


def folded(text: str) -> Text:
    """A cell that goes on in the next line where there is no room for it."""
    return Text(line(text), overflow="fold")


def excerpt(text: str) -> Text:
    """A cell of one line, cut where there is no room for it."""
    return Text(line(text), no_wrap=True, overflow="ellipsis")
