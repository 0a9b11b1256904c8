"""How the commands print: tables with a line for each row, whatever the width of the terminal."""

from collections.abc import Collection

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from slmtape.cli.visible import line


def console() -> Console:
    """Standard output, with colours where it has some."""
    return Console(highlight=False)


def table(*heads: str, cut: Collection[str] = (), numbers: Collection[str] = ()) -> Table:
    """A table with these heads. Where there is little room, those in `cut` give way.

    `numbers` are those of figures, which end at one place.
    """
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for head in heads:
        made.add_column(
            head, justify="right" if head in numbers else "left", no_wrap=head not in cut
        )
    return made


def cell(text: str, style: str = "") -> Text:
    """What a table holds: one line, which loses its end."""
    return Text(line(text), style=style, no_wrap=True, overflow="ellipsis")


def folded(text: str) -> Text:
    """What goes on in the next line instead."""
    return Text(line(text), overflow="fold")
