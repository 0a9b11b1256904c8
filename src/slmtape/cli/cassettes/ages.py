"""When recordings were last changed: as git knows it, or else their files."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from slmtape.cli.cassettes.git import GitError, git

_COMMIT = "\x01"
"""What tells a commit's time from the names in it."""


def changed(directory: Path, paths: Sequence[Path]) -> Mapping[Path, float]:
    """When each file was changed last, in seconds since the epoch.

    That is the time of the commit that did; a file that git doesn't have, or not as it is now, has
    the time of its modification.
    """
    committed = _committed(directory)
    for name in _differing(directory):
        committed.pop(name, None)
    return {
        path: committed.get(path.relative_to(directory).as_posix(), path.stat().st_mtime)
        for path in paths
    }


def _committed(directory: Path) -> dict[str, float]:
    """When each name below the directory was last in a commit; nothing where git can't tell."""
    times: dict[str, float] = {}
    when = 0.0
    for part in _listed(directory, "log", f"--format={_COMMIT}%ct", "--name-only", "--no-renames"):
        if part.startswith(_COMMIT):
            when = float(part.removeprefix(_COMMIT))
        else:
            times.setdefault(part.removeprefix("\n"), when)
    return times


def _differing(directory: Path) -> Iterator[str]:
    """Names whose files are not as they were committed last."""
    return _listed(directory, "diff", "--name-only", "--no-renames", "HEAD")


def _listed(directory: Path, command: str, *options: str) -> Iterator[str]:
    """What git lists for a directory, names below it; nothing where it can't tell."""
    try:
        told = git(directory, command, *options, "-z", "--relative", "--", ".")
    except GitError:
        return
    yield from filter(None, os.fsdecode(told.stdout).split("\0"))
