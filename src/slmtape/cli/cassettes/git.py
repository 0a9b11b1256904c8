"""What git is asked, and what it says."""

import os
import subprocess
from pathlib import Path

from slmtape.errors import ConfigurationError

_OF_HOOKS = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")
"""What git tells a hook: where its repository is, seen from where the hook began."""


class GitError(ConfigurationError):
    """What was asked of git can't be had; the message says why."""


def git(
    folder: Path, *arguments: str, given: bytes = b"", check: bool = True
) -> subprocess.CompletedProcess[bytes]:
    """Have git do this in a folder.

    Raises GitError where it can't be run, and, unless `check` is False, where it fails.
    """
    try:
        done = subprocess.run(
            ["git", "-C", os.fspath(folder), *arguments],
            input=given,
            capture_output=True,
            check=False,
            env={name: value for name, value in os.environ.items() if name not in _OF_HOOKS}
            | {"LC_ALL": "C"},
        )
    except OSError as error:
        raise GitError(f"git can't be run: {error}.") from error
    if check and done.returncode:
        said = done.stderr.decode(errors="replace").strip().removeprefix("fatal: ")
        raise GitError(f"git says: {said or 'nothing'}")
    return done
