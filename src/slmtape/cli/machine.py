"""What this machine has for a model, and how fast one is on it."""

import os
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import click

from slmtape import engines, models
from slmtape.errors import ModelError
from slmtape.generation import GenerationRequest, Message, Piece

_CGROUPS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Machine:
    """Cores that this process may use; bytes of memory, of that available, and of free disk."""

    cores: int
    memory: int
    available: int
    disk: int


def machine(cache: Path) -> Machine:
    """This machine, and the disk that has this folder."""
    import psutil

    memory = psutil.virtual_memory()
    limit = _limit() or memory.total
    folder = next(folder for folder in (cache, *cache.parents) if folder.is_dir())
    return Machine(
        cores=_cores(),
        memory=min(limit, memory.total),
        available=min(limit, memory.available),
        disk=shutil.disk_usage(folder).free,
    )


def speed(path: Path) -> float:
    """Tokens per second that the model of this file says. Raises ModelError.

    It is tried out in a process of its own, whose memory is free again afterwards.
    """
    ran = subprocess.run(
        [sys.executable, "-m", __name__, path], capture_output=True, text=True, check=False
    )
    if ran.returncode:
        raise ModelError(f"{path} can't be tried out: {ran.stderr.strip().rpartition(chr(10))[2]}")
    return float(ran.stdout)


def _probe(path: str) -> float:
    engine = engines.load("llamacpp", models.find(path), path)
    request = GenerationRequest(
        model=path, messages=(Message("user", "Tell me a very long story."),), max_tokens=2000
    )
    counter = _Counter(_SECONDS)
    with suppress(TimeoutError):
        engine.generate(request, counter.say)
    return counter.speed


def expected_speed(size: int, probed: float, probed_size: int) -> float:
    """Tokens per second of a model whose file has `size` bytes, from what another one reached.

    A token costs something however small the model, and the reading of all its weights. Measured
    on two cores: 9 ms and 33 ms for a GB, so 12 ms with a file of 98 MB.
    """
    return probed * _cost(probed_size) / _cost(size)


def _cost(size: int) -> float:
    return 9 + 33 * size / 1e9


class _Counter:
    """Counts what is said, from the first piece on."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._begun = 0.0
        self._last = 0.0
        self._count = -1

    def say(self, piece: Piece) -> None:
        """Take a piece; TimeoutError when the time is over."""
        if not piece.text:
            return
        self._last = time.perf_counter()
        self._begun = self._begun or self._last
        self._count += 1
        if self._last - self._begun > self._seconds:
            raise TimeoutError

    @property
    def speed(self) -> float:
        """Tokens per second."""
        return self._count / (self._last - self._begun) if self._count > 0 else 0.0


def _limit() -> int | None:
    """What a container may have of the memory."""
    for path in _CGROUPS:
        with suppress(OSError, ValueError):
            return int(Path(path).read_text())
    return None


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


if __name__ == "__main__":
    click.echo(_probe(sys.argv[1]))
