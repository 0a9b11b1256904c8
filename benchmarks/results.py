"""Figures, what they are held against, and how they are shown."""

import json
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import groupby
from math import inf
from pathlib import Path
from statistics import median

from rich.table import Table

import slmtape


@dataclass(frozen=True)
class Figure:
    """One measured figure: the median of several, and the least or most it may be."""

    what: str
    unit: str
    value: float
    low: float
    high: float
    most: float | None = None
    least: float | None = None
    section: str = ""

    @property
    def met(self) -> bool | None:
        """Whether it is within its bounds; None where it has none."""
        if self.most is None and self.least is None:
            return None
        least = -inf if self.least is None else self.least
        return least <= self.value <= (inf if self.most is None else self.most)

    @property
    def wanted(self) -> str:
        """Its bound in words."""
        if self.least is not None:
            return f"at least {_number(self.least)} {self.unit}"
        return "" if self.most is None else f"at most {_number(self.most)} {self.unit}"

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {**asdict(self), "met": self.met}


def figure(
    what: str,
    unit: str,
    values: Sequence[float],
    most: float | None = None,
    least: float | None = None,
) -> Figure:
    """The median of these values."""
    return Figure(what, unit, median(values), min(values), max(values), most, least)


def ratio(
    what: str,
    ours: Sequence[float],
    theirs: Sequence[float],
    most: float | None = None,
    least: float | None = None,
) -> Figure:
    """The median of the ratios of values that were measured next to each other."""
    return figure(what, "x", [a / b for a, b in zip(ours, theirs, strict=True)], most, least)


def in_turn(
    kinds: Mapping[str, Callable[[int], float]], rounds: int
) -> Mapping[str, Sequence[float]]:
    """What each kind measures in each round: it gets the round's number. The order alternates."""
    measured: dict[str, list[float]] = {kind: [] for kind in kinds}
    for number in range(rounds):
        for kind in list(kinds) if number % 2 else reversed(list(kinds)):
            measured[kind].append(kinds[kind](number))
    return measured


def markdown(figures: Sequence[Figure]) -> str:
    """The figures as the README shows them: a table for each section."""
    sections = groupby(figures, key=lambda one: one.section)
    return "\n".join(_section(title, list(within)) for title, within in sections)


def _section(title: str, figures: Sequence[Figure]) -> str:
    lines = [f"| {title} | median | wanted | |", "|---|---|---|---|"]
    for one in figures:
        met = {True: "met", False: "**missed**", None: ""}[one.met]
        lines.append(f"| {one.what} | {_number(one.value)} {one.unit} | {one.wanted} | {met} |")
    return "\n".join(lines) + "\n"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def read(path: Path) -> list[Figure]:
    """The figures in a file that `write` wrote."""
    names = [field.name for field in fields(Figure)]
    told = json.loads(path.read_text(encoding="utf-8"))["figures"]
    return [Figure(**{name: one[name] for name in names}) for one in told]


def write(path: Path, figures: Sequence[Figure]) -> None:
    """The figures as JSON, with what they depend on."""
    told = {
        "slmtape": slmtape.__version__,
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "figures": [one.as_dict() for one in figures],
    }
    path.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


def table(figures: Sequence[Figure]) -> Table:
    """The figures as people read them."""
    shown = Table()
    for heading in ("", "median", "range", "wanted", ""):
        shown.add_column(heading, justify="right" if heading else "left")
    for section, within in groupby(figures, key=lambda one: one.section):
        shown.add_section()
        shown.add_row(f"[bold]{section}[/]")
        for one in within:
            shown.add_row(
                one.what,
                f"{_number(one.value)} {one.unit}",
                f"{_number(one.low)} to {_number(one.high)}",
                one.wanted,
                {True: "[green]met[/]", False: "[red]missed[/]", None: ""}[one.met],
            )
    return shown
