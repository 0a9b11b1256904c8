"""Figures, what they are held against, and how they are shown."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from statistics import median

from rich.table import Table

import slmtape


@dataclass(frozen=True)
class Figure:
    """One measured figure: the median of several, and the most it may be."""

    what: str
    unit: str
    value: float
    low: float
    high: float
    most: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether it is within its bound; None where it has none."""
        return None if self.most is None else self.value <= self.most

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {**asdict(self), "met": self.met}


def figure(what: str, unit: str, values: Sequence[float], most: float | None = None) -> Figure:
    """The median of these values."""
    return Figure(what, unit, median(values), min(values), max(values), most)


def ratio(
    what: str, ours: Sequence[float], theirs: Sequence[float], most: float | None = None
) -> Figure:
    """The median of the ratios of values that were measured next to each other."""
    return figure(what, "x", [a / b for a, b in zip(ours, theirs, strict=True)], most)


def markdown(figures: Sequence[Figure]) -> str:
    """The figures as the README shows them."""
    lines = ["| measured | median | at most | |", "|---|---|---|---|"]
    for one in figures:
        most = "" if one.most is None else f"{one.most:g} {one.unit}"
        met = {True: "met", False: "**missed**", None: ""}[one.met]
        lines.append(f"| {one.what} | {one.value:.3g} {one.unit} | {most} | {met} |")
    return "\n".join(lines) + "\n"


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
    for heading in ("", "median", "range", "at most", ""):
        shown.add_column(heading, justify="right" if heading else "left")
    for one in figures:
        shown.add_row(
            one.what,
            f"{one.value:.3g} {one.unit}",
            f"{one.low:.3g} to {one.high:.3g}",
            "" if one.most is None else f"{one.most:g} {one.unit}",
            {True: "[green]met[/]", False: "[red]missed[/]", None: ""}[one.met],
        )
    return shown
