"""Folders of pytest's cache that are filled once."""

import fcntl
from collections.abc import Callable
from pathlib import Path


def filled(folder: Path, fill: Callable[[Path], object]) -> Path:
    """The folder, after `fill` has filled it: by whoever asks first, and again if that failed."""
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # `pytest -n` has several processes
        if not (folder / "complete").exists():
            fill(folder)
            (folder / "complete").touch()
    return folder
