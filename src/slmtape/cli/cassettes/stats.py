"""`slmtape cassettes stats`: how much is recorded, how old it is, and which tests replay it."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from slmtape.cli.cassettes import ages
from slmtape.cli.cassettes.finding import Cassette, cassette, short
from slmtape.cli.cassettes.tables import cell, console, table
from slmtape.cli.options import directory_argument, json_option, told_errors
from slmtape.cli.visible import counted, visible
from slmtape.stores.cassettes.cache import Replay
from slmtape.stores.cassettes.replays import replays

_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Group:
    """Some recordings: how many, their size in bytes, and when they were changed."""

    sizes: Sequence[int]
    changed: Sequence[float]

    @property
    def size(self) -> int:
        """All together, in bytes."""
        return sum(self.sizes)


@click.command()
@directory_argument
@json_option
def stats(directory: Path, as_json: bool) -> None:
    """Tell how much is recorded in DIR (cassettes), by model, how old it is, and which tests
    replay what.

    A recording is as old as the commit that changed it last, or, where git doesn't have it as it
    is, as its file. Replays are counted by the cache in DIR (.cache.sqlite3) since it was made.

    Exits with 1 where a file is damaged, with 2 where the command was wrong.
    """
    there = cassette(directory)
    with told_errors():
        played = replays(directory)
    groups = _by_model(there)
    if as_json:
        click.echo(_json(there, groups, played))
    else:
        _show(there, groups, played)
    if there.damaged:
        raise SystemExit(1)


def _by_model(there: Cassette) -> Mapping[str, Group]:
    changed = ages.changed(there.directory, list(there.recordings))
    paths: dict[str, list[Path]] = {}
    for path, recording in there.recordings.items():
        paths.setdefault(recording.request.model, []).append(path)
    return {
        model: Group([path.stat().st_size for path in some], [changed[path] for path in some])
        for model, some in sorted(paths.items())
    }


def _by_test(played: Sequence[Replay]) -> Mapping[str, Sequence[Replay]]:
    tests: dict[str, list[Replay]] = {}
    for one in played:
        tests.setdefault(one.test, []).append(one)
    return dict(sorted(tests.items()))


def _show(there: Cassette, groups: Mapping[str, Group], played: Sequence[Replay]) -> None:
    out = console()
    for error in there.damaged.values():
        out.print(visible(error.message), style="red", markup=False, soft_wrap=True)
    if not groups:
        out.print(f"There are no recordings in {there.directory}.", markup=False, soft_wrap=True)
        return
    out.print(_models(groups))
    out.print()
    known = [recording.key for recording in there.recordings.values()]
    if played:
        for part in _tests(_by_test(played), short(known)):
            out.print(part)
        out.print()
    for line in _summary(known, played):
        out.print(line, soft_wrap=True)


def _models(groups: Mapping[str, Group]) -> Table:
    numbers = ["recordings", "size"]
    made = table("model", *numbers, "oldest", "newest", cut=["model"], numbers=numbers)
    for model, group in groups.items():
        days = [_age(pick(group.changed)) for pick in (min, max)]
        made.add_row(cell(model), f"{len(group.sizes):,}", _size(group.size), *days)
    return made


def _tests(
    tests: Mapping[str, Sequence[Replay]], keys: Mapping[str, str]
) -> Iterator[Text | Padding]:
    """Each test, how often it replayed something, and what."""
    for test, some in tests.items():
        times = counted(sum(one.times for one in some), "replay")
        yield Text.assemble((visible(test or "outside of tests"), "bold"), f": {times} of")
        told = " ".join(keys.get(one.key, f"{one.key} (gone)") for one in some)
        yield Padding(Text(told, style="yellow"), (0, 0, 0, 2), expand=False)


def _summary(known: Sequence[str], played: Sequence[Replay]) -> Iterator[str]:
    yield f"{counted(len(known), 'recording')}."
    if not played:
        yield "Nothing was replayed since the cache was made, so there is nothing to tell of tests."
        return
    idle = set(known) - {one.key for one in played}
    if idle:
        were = "was" if len(idle) == 1 else "were"
        yield f"{len(idle):,} of them {were} not replayed since the cache was made."


def _age(moment: float) -> str:
    """A day, and how long ago it is."""
    days = int(max(0.0, time.time() - moment) // _DAY)
    day = time.strftime("%Y-%m-%d", time.localtime(moment))
    return f"{day} ({counted(days, 'day')})" if days else f"{day} (today)"


def _size(size: int) -> str:
    """Bytes as people read them."""
    return f"{size / 1e6:,.1f} MB" if size >= 1e6 else f"{size / 1e3:,.1f} kB"


def _json(there: Cassette, groups: Mapping[str, Group], played: Sequence[Replay]) -> str:
    written = {
        "directory": there.directory.as_posix(),
        "recordings": len(there.recordings),
        "bytes": sum(group.size for group in groups.values()),
        "models": {model: _written(group) for model, group in groups.items()},
        "tests": {test: _replayed(some) for test, some in _by_test(played).items()},
        "not_replayed": sorted(
            {one.key for one in there.recordings.values()} - {one.key for one in played}
        ),
        "damaged": [path.as_posix() for path in there.damaged],
    }
    return json.dumps(written, indent=2, ensure_ascii=False)


def _written(group: Group) -> dict[str, Any]:
    return {
        "recordings": len(group.sizes),
        "bytes": group.size,
        "oldest": min(group.changed),
        "newest": max(group.changed),
    }


def _replayed(some: Sequence[Replay]) -> dict[str, Any]:
    return {
        "recordings": [one.key for one in some],
        "replays": sum(one.times for one in some),
        "last": max(one.last for one in some),
    }
