"""What is slow to get is got once: a folder in pytest's cache."""

import fcntl
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest


def once(cache: pytest.Cache, name: str, fill: Callable[[Path], object]) -> Path:
    """The folder of this name, which `fill` filled; `name` changes with what is in it."""
    return filled(cache.mkdir(f"slmtape-{name}"), fill)


def filled(folder: Path, fill: Callable[[Path], object]) -> Path:
    """The folder, after `fill` has filled it: by whoever asks first, and again if that failed."""
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # `pytest -n` has several processes
        if not (folder / "complete").exists():
            fill(folder)
            (folder / "complete").touch()
    return folder


def run(*command: str | Path, cwd: Path | None = None) -> None:
    """Run a program; fail the test with what it said where it fails."""
    ran = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
