"""`slmtape cassettes prune`: away with recordings that nothing uses any more."""

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from slmtape.cli.cassettes import tables
from slmtape.cli.options import directory_argument, told_errors
from slmtape.errors import CassetteError
from slmtape.generation import Recording
from slmtape.stores.cassettes.cache import Used
from slmtape.stores.cassettes.files import Recorded, recordings, remove_if_empty
from slmtape.stores.cassettes.replays import used

_DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Unused:
    """A recording to delete, and its size in bytes."""

    path: Path
    recording: Recording
    size: int


@click.command()
@directory_argument
@click.option(
    "--unused", is_flag=True, help="What nothing replayed since the cache in DIR was made."
)
@click.option(
    "--days",
    type=click.IntRange(min=1),
    help="With --unused: also what was replayed last so many days ago.",
)
@click.option(
    "--report",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What is unused by a report of pytest's option --slmtape-report.",
)
@click.option("--yes", is_flag=True, help="Don't ask.")
@click.option("--dry-run", is_flag=True, help="Only show what would be deleted.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; with --yes or --dry-run.")
def prune(
    directory: Path,
    unused: bool,
    days: int | None,
    report: Path | None,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Delete recordings in DIR (cassettes) that are not used.

    Which those are is known only after the whole suite ran: delete the cache in DIR
    (.cache.sqlite3), run the suite, prune. What was recorded since the cache was made is kept, and
    so are damaged files.

    Exits with 1 where nothing was deleted because nothing was replayed at all or you said no, with
    2 where the command was wrong.
    """
    _check(unused, days, report, yes or dry_run, as_json)
    with told_errors():
        there = list(_recorded(directory))
        found = (
            _reported(there, directory, report) if report else _unreplayed(there, directory, days)
        )
    if as_json:
        click.echo(_json(found, directory, dry_run))
    else:
        _show(found, directory, len(there))
    if not found or dry_run:
        return
    if yes and not report and 2 * len(found) > len(there):
        raise click.ClickException(
            "That is most of what is recorded: did the whole suite run since the cache was made? "
            "Then leave --yes away, or prune by its --report."
        )
    if not yes and not click.confirm(f"Delete {_counted(found)}?"):
        raise SystemExit(1)
    _delete(found, directory)
    if not as_json:
        click.echo(f"Deleted {_counted(found)}.")


def _check(
    unused: bool, days: int | None, report: Path | None, silent: bool, as_json: bool
) -> None:
    if unused == (report is not None):
        raise click.UsageError("Say what is to go: --unused, or --report FILE.")
    if days is not None and not unused:
        raise click.UsageError("--days is for --unused.")
    if as_json and not silent:
        raise click.UsageError("--json can't ask: give --yes or --dry-run as well.")


def _recorded(directory: Path) -> Iterator[Unused]:
    for path, one in recordings(directory):
        if isinstance(one, Recorded):
            yield Unused(path, one.recording, path.stat().st_size)


def _unreplayed(there: Iterable[Unused], directory: Path, days: int | None) -> list[Unused]:
    """Those that nothing used. Raises CassetteError where nothing was replayed at all."""
    known = used(directory)
    if not any(one.times for one in known.values()):
        raise CassetteError(
            f"Nothing was replayed from {directory} since its cache was made, so nobody knows what "
            "is unused. Run the whole suite first."
        )
    since = 0.0 if days is None else time.time() - days * _DAY
    never = Used(0, -1.0)
    return [one for one in there if known.get(one.recording.key, never).last < since]


def _reported(there: Iterable[Unused], directory: Path, report: Path) -> list[Unused]:
    """Those that a report names, from here or from the directory; what else it names stays."""
    try:
        named = json.loads(report.read_text(encoding="utf-8"))["unused"]
        if named is None:
            raise CassetteError(
                f"{report} can't tell what is unused: only a run of the whole suite knows that."
            )
        paths = {(start / name).resolve() for start in (Path(), directory) for name in named}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CassetteError(f"{report} is no report of --slmtape-report: {error!r}.") from error
    return [one for one in there if one.path.resolve() in paths]


def _show(found: Sequence[Unused], directory: Path, count: int) -> None:
    if not found:
        click.echo(f"Of {count} in {directory} no recording is unused.")
        return
    table = tables.table(
        "recording", "bytes", "asked", cut=["recording", "asked"], numbers=["bytes"]
    )
    for one in found:
        name = one.path.relative_to(directory).as_posix()
        asked = tables.cell(one.recording.request.user_text)
        table.add_row(tables.folded(name), f"{one.size:,}", asked)
    tables.console().print(table, "")
    click.echo(f"{_counted(found)} of {count} in {directory} {_are(found)} unused.")


def _delete(found: Iterable[Unused], directory: Path) -> None:
    for one in found:
        one.path.unlink(missing_ok=True)
    for folder in {one.path.parent for one in found} - {directory}:
        remove_if_empty(folder)


def _counted(found: Sequence[Unused]) -> str:
    return "one recording" if len(found) == 1 else f"{len(found)} recordings"


def _are(found: Sequence[Unused]) -> str:
    return "is" if len(found) == 1 else "are"


def _json(found: Sequence[Unused], directory: Path, dry_run: bool) -> str:
    told = {
        "directory": directory.as_posix(),
        "dry_run": dry_run,
        "deleted": [
            {"recording": one.path.as_posix(), "key": one.recording.key, "bytes": one.size}
            for one in found
        ],
    }
    return json.dumps(told, indent=2, ensure_ascii=False)
