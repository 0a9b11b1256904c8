"""`slmtape cassettes import`: what other tools recorded."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import click

from slmtape.cli.cassettes import importing_report
from slmtape.cli.cassettes.importing_report import Kept, Report
from slmtape.cli.options import told_errors
from slmtape.errors import CassetteError
from slmtape.generation import Recording, Result
from slmtape.importing import Left, NotThisFormat, reading
from slmtape.importing.aimock_stubs import Stub
from slmtape.importing.collecting import kept
from slmtape.importing.exchanges import Imported
from slmtape.stores.cassettes import recording_file
from slmtape.stores.cassettes.files import recordings
from slmtape.stores.cassettes.store import CassetteStore


@click.command("import")
@click.argument(
    "sources",
    metavar="FILE...",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, path_type=Path),
)
@click.option(
    "--to",
    "directory",
    metavar="DIR",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="The directory of recordings; it is made if need be.",
)
@click.option(
    "--model",
    default="smollm2-135m",
    show_default=True,
    help="The model that the recordings are of, whichever answered then.",
)
@click.option("--lenient", is_flag=True, help="As a server made with lenient=True would record.")
@click.option("--dry-run", is_flag=True, help="Only tell what would be imported.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def import_(
    sources: Sequence[Path],
    directory: Path,
    model: str,
    lenient: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Make recordings of what vcrpy, pytest-recording, cassetter or aimock recorded.

    FILE is a cassette (YAML, JSON, TOML), a file of fixtures, or a directory of them. Answers of
    chat completions, responses, completions and embeddings become recordings of --model, found by
    a server that serves it under the name that clients ask for:
    FakeLLMServer(MODEL, aliases={"*": MODEL}). What can't be carried over is told, and why.

    aimock's fixtures seldom tell the whole request: for those that don't, the line of Python is
    printed that makes a stub of them. No recording is replaced.

    Exits with 1 where nothing could be imported, with 2 where the command was wrong.
    """
    with told_errors():
        known = _known(directory)
        report = Report(directory, dry_run)
        for file in _files(sources):
            for one in kept(_imported(file, model, lenient), known):
                _add(report, file, one)
        if not dry_run and report.imported:
            _write(directory, [one.recording for one in report.imported])
    if as_json:
        click.echo(importing_report.as_json(report))
    else:
        importing_report.show(report)
    if not (report.imported or report.known or report.stubs):
        raise SystemExit(1)


def _known(directory: Path) -> dict[str, Result]:
    """What is recorded already. Raises CassetteError where a file is damaged."""
    known = {}
    for _, one in recordings(directory) if directory.is_dir() else ():
        if isinstance(one, CassetteError):
            raise one
        known[one.recording.key] = one.recording.result
    return known


def _files(sources: Iterable[Path]) -> Iterator[Path]:
    for source in sources:
        if source.is_dir():
            found = (path for path in source.rglob("*") if path.suffix in reading.SUFFIXES)
            yield from sorted(found)
        else:
            yield source


def _imported(file: Path, model: str, lenient: bool) -> Iterator[Imported | Stub | Left]:
    try:
        text = file.read_text(encoding="utf-8")
        yield from reading.imported(file.name, text, model, lenient=lenient)
    except (NotThisFormat, OSError, UnicodeDecodeError) as error:
        yield Left("", "the file", str(error))


def _add(report: Report, file: Path, one: Recording | Imported | Stub | Left) -> None:
    match one:
        case Recording():
            report.imported.append(Kept(file, one, recording_file.file_name(one)))
        case Imported():
            report.known += 1
        case Stub():
            report.stubs.append((file, one))
        case Left():
            report.left.append((file, one))


def _write(directory: Path, imported: Iterable[Recording]) -> None:
    store = CassetteStore(directory)
    try:
        for recording in imported:
            store.put(recording)
    finally:
        store.close()
