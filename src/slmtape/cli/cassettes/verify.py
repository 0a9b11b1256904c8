"""`slmtape cassettes verify`: are the recordings still what their models say?"""

import signal
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from pathlib import Path

import click

from slmtape import models as sources
from slmtape.cli.cassettes import report
from slmtape.cli.cassettes.checking import Checked, Task, check
from slmtape.cli.cassettes.journal import Entry, Journal
from slmtape.cli.cassettes.processes import results
from slmtape.cli.cassettes.progress import Progress, shown
from slmtape.cli.cassettes.report import Finding
from slmtape.cli.options import directory_argument, told_errors
from slmtape.errors import CassetteError, ConfigurationError, ModelError
from slmtape.generation import EmbeddingResult, Recording
from slmtape.models.files import ModelFiles
from slmtape.stores.cassettes.files import Recorded, recordings
from slmtape.verify import unverifiable


def _models(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    named: dict[str, str] = {}
    for one in given:
        name, equals, model = one.partition("=")
        if not (name and equals and model):
            raise click.BadParameter(f"{one!r} is not NAME=MODEL.")
        try:
            source = sources.source(model)
        except ConfigurationError as error:
            raise click.BadParameter(error.message) from error
        if source is sources.local and not source.here(model):
            raise click.BadParameter(f"There is no file {model}.")
        named[name] = model
    return named


@click.command()
@directory_argument
@click.option(
    "--jobs",
    default=1,
    show_default=True,
    type=click.IntRange(min=1),
    help="Processes that generate, each with a model of its own in memory.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.option("--restart", is_flag=True, help="Begin anew where a run was stopped.")
@click.option(
    "--model",
    "models",
    metavar="NAME=MODEL",
    multiple=True,
    callback=_models,
    help="Which model is recorded as NAME: a .gguf file, or a model's name. Repeatable.",
)
def verify(
    directory: Path, jobs: int, as_json: bool, restart: bool, models: Mapping[str, str]
) -> None:
    """Have everything that is recorded in DIR (cassettes) generated again, and compare.

    A recording is the same; or changed, and then it is told how; or there is no telling: it was
    made with another file of the model or on another kind of processor, or the model is not to be
    had. Known models are downloaded. No recording is altered.

    A run that is stopped loses nothing: the same command goes on from there.

    Exits with 1 where a recording is changed or damaged, with 2 where the command was wrong.
    """
    found = list(recordings(directory))
    _all_recorded(models, [one.recording for _, one in found if isinstance(one, Recorded)])
    journal = Journal(directory)
    if restart:
        journal.delete()
    with told_errors():
        findings = _findings(found, models, journal, jobs)
    journal.delete()
    if as_json:
        click.echo(report.as_json(findings, directory))
    else:
        report.show(findings, directory)
    if any(finding.fails for finding in findings):
        raise SystemExit(1)


def _all_recorded(models: Mapping[str, str], recorded: Iterable[Recording]) -> None:
    names = sorted({recording.request.model for recording in recorded})
    for name in models:
        if name not in names:
            raise click.UsageError(
                f"Nothing is recorded of a model {name!r}. Recorded: {', '.join(names) or 'none'}."
            )


def _findings(
    found: Sequence[tuple[Path, Recorded | CassetteError]],
    models: Mapping[str, str],
    journal: Journal,
    jobs: int,
) -> list[Finding]:
    """What is true of each file, in their order."""
    names = {one.recording.request.model for _, one in found if isinstance(one, Recorded)}
    places = {name: _place(name, models) for name in sorted(names)}
    findings: dict[Path, Finding] = {}
    tasks = []
    for path, one in found:
        if isinstance(one, CassetteError):
            findings[path] = Finding(path, None, one)
            continue
        place = places[one.recording.request.model]
        if isinstance(place, ModelError):
            findings[path] = Finding(path, one.recording, unverifiable(place))
        else:
            tasks.append(Task(path, one, place, journal.entry(one.digest)))
    tasks.sort(key=lambda task: task.recorded.recording.request.model)
    for checked in _check(tasks, journal, jobs):
        task = checked.task
        findings[task.path] = Finding(task.path, task.recorded.recording, checked.verdict)
    return [findings[path] for path, _ in found]


def _place(name: str, models: Mapping[str, str]) -> ModelFiles | ModelError:
    """Where the model is, downloaded if need be; or why it isn't here."""
    try:
        return sources.find(models.get(name, name))
    except ModelError as error:
        return error
    except ConfigurationError:
        return ModelError(f"The model {name!r} is unknown. Say where it is: --model {name}=FILE")


def _check(tasks: Sequence[Task], journal: Journal, jobs: int) -> list[Checked]:
    before = sum(task.before is not None for task in tasks)
    if before:
        click.echo(
            f"Going on where a run was stopped: it verified {before} of {len(tasks)} recordings. "
            "--restart begins anew.",
            err=True,
        )
    progress = Progress(len(tasks), sum(map(_work, tasks)))
    try:
        with _sigterm_is_ctrl_c(), closing(results(check, tasks, jobs)) as checked:
            return list(_noted(checked, journal, progress))
    except KeyboardInterrupt:
        click.echo(f"Stopped: {progress}. The same command goes on from there.", err=True)
        raise SystemExit(130) from None
    except BrokenProcessPool as error:
        raise click.ClickException(
            "A process that generated was killed: was there too little memory for so many "
            "--jobs? What was verified is kept; the same command goes on from there."
        ) from error


@contextmanager
def _sigterm_is_ctrl_c() -> Iterator[None]:
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _noted(
    all_checked: Iterable[Checked], journal: Journal, progress: Progress
) -> Iterator[Checked]:
    """Each of them, written down and shown."""
    with shown(progress) as show:
        for checked in all_checked:
            if checked.made_with is not None and not checked.known:
                entry = Entry(checked.verdict, checked.made_with)
                journal.add(checked.task.recorded.digest, entry)
            progress.add(_work(checked.task), known=checked.known)
            show()
            yield checked


def _work(task: Task) -> float:
    """How much work its answer is: a token that is said takes as long as some that are read."""
    result = task.recorded.recording.result
    if isinstance(result, EmbeddingResult):
        return result.prompt_tokens
    return result.prompt_tokens + 3 * result.completion_tokens
