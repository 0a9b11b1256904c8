"""What was imported and what was not, as tables and as JSON."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from slmtape.cli.cassettes import tables
from slmtape.cli.visible import counted
from slmtape.generation import Recording
from slmtape.importing import Left
from slmtape.importing.aimock_stubs import Stub


@dataclass(frozen=True, slots=True)
class Kept:
    """A recording, the file it comes from, and its name below the directory."""

    source: Path
    recording: Recording
    name: str


@dataclass(slots=True)
class Report:
    """What came of an import. `known` is how many answers were recorded already."""

    directory: Path
    dry_run: bool
    imported: list[Kept] = field(default_factory=list)
    known: int = 0
    stubs: list[tuple[Path, Stub]] = field(default_factory=list)
    left: list[tuple[Path, Left]] = field(default_factory=list)


def show(report: Report) -> None:
    """A table of what was imported, one of what was not; stubs to paste; how many there are."""
    console = tables.console()
    if report.imported:
        console.print(_imported(report))
    for file, found in groupby(report.left, key=lambda one: one[0]):
        console.print(_left(file, [one for _, one in found]))
    console.print()
    for line in (*_stubs(report), *_summary(report)):
        console.print(line, soft_wrap=True, markup=False)


def _imported(report: Report) -> Table:
    table = tables.table("recording", "from", cut=["recording", "from"])
    for one in report.imported:
        table.add_row(tables.folded(one.name), tables.folded(one.source.as_posix()))
    return table


def _left(file: Path, found: list[Left]) -> Table:
    table = tables.table("where", "what", "why", cut=["what", "why"])
    table.title = Text(f"\nNot carried over from {file}")
    table.title_justify, table.title_style = "left", "bold"
    for one in found:
        table.add_row(tables.cell(one.place), tables.folded(one.what), tables.folded(one.why))
    return table


def _stubs(report: Report) -> Iterator[str]:
    if not report.stubs:
        return
    yield "Fixtures that don't tell what was asked are stubs here:"
    yield ""
    used = "\n".join(stub.line for _, stub in report.stubs)
    names = [name for name in ("Reply", "Usage", "faults") if re.search(rf"\b{name}[(.]", used)]
    if names:
        yield f"from slmtape import {', '.join(names)}"
    for file, found in groupby(report.stubs, key=lambda one: one[0]):
        yield f"# {file}"
        yield from (stub.line for _, stub in found)
    yield ""


def _summary(report: Report) -> Iterator[str]:
    partly = sum(one.partly for _, one in report.left)
    told = [
        (report.known, "recorded already"),
        (len(report.stubs), "to be written as stubs"),
        (len(report.left) - partly, "not carried over"),
        (partly, "not carried over whole"),
    ]
    done = "would be imported" if report.dry_run else "imported"
    many = counted(len(report.imported), "recording") if report.imported else "No recordings"
    rest = "".join(f", {count} {what}" for count, what in told if count)
    yield f"{many} {done} to {report.directory}{rest}."


def as_json(report: Report) -> str:
    """The same for programs."""
    return json.dumps(_written(report), indent=2, ensure_ascii=False)


def _written(report: Report) -> dict[str, Any]:
    return {
        "directory": report.directory.as_posix(),
        "dry_run": report.dry_run,
        "imported": [
            {
                "file": one.source.as_posix(),
                "recording": (report.directory / one.name).as_posix(),
                "key": one.recording.key,
            }
            for one in report.imported
        ],
        "known": report.known,
        "stubs": [
            {"file": file.as_posix(), "where": stub.place, "line": stub.line}
            for file, stub in report.stubs
        ],
        "left": [
            {
                "file": file.as_posix(),
                "where": one.place,
                "what": one.what,
                "why": one.why,
                "partly": one.partly,
            }
            for file, one in report.left
        ],
    }
