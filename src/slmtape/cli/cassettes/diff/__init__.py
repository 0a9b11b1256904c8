"""`slmtape cassettes diff`: what changed between two sets of recordings, or between two of them."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from slmtape.cli.cassettes.completing import complete_key
from slmtape.cli.cassettes.diff import markdown, sides, terminal
from slmtape.cli.cassettes.diff.changes import Change, Found, Kind, changes, compare
from slmtape.cli.cassettes.finding import meant
from slmtape.cli.cassettes.git import GitError
from slmtape.contrast import Contrast
from slmtape.errors import CassetteError
from slmtape.stores.cassettes import files


@click.command()
@click.argument("what", metavar="[A B | [REV2] [DIR]]", nargs=-1, shell_complete=complete_key)
@click.option("--git", "revision", metavar="REV", help="Compare with a commit of git's.")
@click.option(
    "--cassettes",
    "directory",
    default="cassettes",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Where recordings are that are named by their keys.",
)
@click.option("--markdown", "as_markdown", is_flag=True, help="For a comment on a pull request.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def diff(
    what: Sequence[str], revision: str | None, directory: Path, as_markdown: bool, as_json: bool
) -> None:
    """Tell what changed between two sets of recordings.

    \b
    diff A B                   two directories, or two recordings: paths or keys
    diff --git main            from the commit `main` to what is in cassettes now
    diff --git main dev DIR    from one commit to another, in DIR
    diff --git main...dev      from where they went apart: what a pull request changes

    A recording that went and one that came are one that was recorded again, where their requests
    are near each other; then it is told how these differ.

    Exits with 0 where nothing differs, with 1 where something does, with 2 where the command was
    wrong.
    """
    try:
        found = _by_git(revision, what) if revision else _between(what, directory)
    except (GitError, CassetteError) as error:
        raise click.UsageError(error.message) from error
    if as_json:
        click.echo(_json(found))
    elif as_markdown:
        click.echo(markdown.markdown(found), nl=False)
    else:
        terminal.show(found)
    if found:
        raise SystemExit(1)


def _between(what: Sequence[str], directory: Path) -> list[Change]:
    if len(what) != 2:
        raise click.UsageError("Name two directories or two recordings, or give --git REV.")
    one, other = map(Path, what)
    if one.is_dir() and other.is_dir():
        return changes(sides.directory(one), sides.directory(other))
    for path in (one, other):
        if path.is_dir():
            raise click.UsageError(f"{path} is a directory, and the other is not.")
    change = compare(*(_recording(name, directory) for name in what))
    return [change] if change else []


def _recording(name: str, directory: Path) -> Found:
    """The recording at a path, or whose key begins so. Raises CassetteError."""
    found = meant(name, directory) if directory.is_dir() or Path(name).is_file() else []
    if not found:
        raise CassetteError(
            f"There is no file {name}, and no recording of that key in {directory}."
        )
    if len(found) > 1:
        raise CassetteError(f"Several keys begin with {name}: {', '.join(map(str, found))}.")
    return Found(found[0].as_posix(), files.read(found[0]).recording)


def _by_git(revision: str, what: Sequence[str]) -> list[Change]:
    before, other, path = _meant(revision, what)
    repository = sides.repository(path)
    if before.endswith("..."):
        before = repository.merge_base(before[:-3] or "HEAD", other or "HEAD")
    now = repository.side(other) if other else sides.directory(path)
    return changes(repository.side(before), now)


def _meant(revision: str, what: Sequence[str]) -> tuple[str, str | None, Path]:
    """What to compare, the other commit if there is one, and the directory.

    The first ends with `...` where the commit is meant from which both went apart.
    """
    if len(what) > 2:
        raise click.UsageError("With --git there are two more arguments at most: REV2 and DIR.")
    for dots in ("...", ".."):
        one, found, other = revision.partition(dots)
        if found:
            if len(what) > 1:
                raise click.UsageError(f"{revision} names two commits: there is one argument, DIR.")
            before = f"{one}..." if dots == "..." else one or "HEAD"
            return before, other or "HEAD", Path(*what or ("cassettes",))
    if len(what) == 1 and (Path(what[0]).is_dir() or not _is_commit(what[0])):
        return revision, None, Path(what[0])
    return revision, what[0] if what else None, Path(what[1] if len(what) > 1 else "cassettes")


def _is_commit(name: str) -> bool:
    try:
        sides.repository(Path()).commit(name)
    except GitError:
        return False
    return True


def _json(found: Sequence[Change]) -> str:
    counts = Counter(change.kind for change in found)
    told = {
        "counts": {kind.value: counts[kind] for kind in Kind},
        "changes": [_written(change) for change in found],
    }
    return json.dumps(told, indent=2, ensure_ascii=False)


def _written(change: Change) -> dict[str, Any]:
    return {
        "change": change.kind,
        "before": _side(change.before),
        "after": _side(change.after),
        "request": _contrasts(change.request),
        "answer": _contrasts(change.answer),
        "made_with": _contrasts(change.made_with),
    }


def _side(found: Found | None) -> dict[str, Any] | None:
    if found is None:
        return None
    if isinstance(found.recording, str):
        return {"recording": found.name, "problem": found.recording}
    about = found.recording
    return {"recording": found.name, "key": about.key, "model": about.model.name}


def _contrasts(contrasts: Sequence[Contrast]) -> list[dict[str, Any]]:
    return [asdict(one) for one in contrasts]
