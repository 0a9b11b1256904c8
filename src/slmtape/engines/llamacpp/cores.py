"""How many cores this process may compute with now.

llama.cpp's threads wait for each other in busy loops. A team of them that has to share a core with
anybody else comes to a standstill: measured, two processes with a thread per core each need minutes
for what takes one alone half a second. So processes of slmtape divide the cores among them, and a
team that doesn't get the time it would need becomes smaller.
"""

import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path

try:
    import fcntl
except ModuleNotFoundError:  # Windows: each process for itself
    fcntl = None  # type: ignore[assignment]

_WINDOW = 0.5 if sys.platform == "win32" else 0.04
"""Seconds of computing after which a team is judged. Windows' clock ticks every 16 ms."""

_LOST = 0.3
"""Cores that a team may go without: so much is noise."""

_SOONEST, _LATEST = 0.05, 2.0
"""Seconds until a larger team is tried again: twice as long each time it was too large."""


@cache
def cores() -> int:
    """The cores that this process may use: the machine's, or fewer where it is held to them.

    `SLMTAPE_THREADS` is the most, if it is set.
    """
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count() or 1
    with suppress(OSError, ValueError):
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        count = min(count, max(1, int(quota) // int(period)))
    with suppress(ValueError):
        count = max(1, int(os.environ.get("SLMTAPE_THREADS", "")))
    return count


def computed(teams: Iterable[int]) -> float:
    """Seconds that teams have computed since this process began, by their threads' native ids.

    The helpers of a team can't be told from one another: they are all threads that Python doesn't
    know. Where there is no telling what each thread computes, it is what the process does.
    """
    total = time.process_time()
    if sys.platform == "linux":
        ours = set(teams)
        for thread in threading.enumerate():
            if thread.native_id and thread.native_id not in ours:
                total -= _computed(thread.native_id)
    return total


def _computed(thread: int) -> float:
    """Seconds that a thread has computed. `time.pthread_getcpuclockid` may crash for a dead one."""
    try:
        return time.clock_gettime(~thread << 3 | 6)
    except OSError:  # it has just ended
        return 0.0


class Neighbours:
    """The processes of this user that compute: each has locked a file, and so a share of the cores.

    The operating system unlocks the files of a process that dies. Who finds all files locked
    computes with one thread, as all others do then.
    """

    def __init__(self, cores: int, folder: Path | None = None) -> None:
        """`folder`: where the files are; the directory for temporary files."""
        self._cores = cores
        self._files = _files(folder, cores)
        self._mine: int | None = None

    def enter(self) -> None:
        """Begin to compute."""
        if self._mine is None:
            self._mine = next((file for file in self._files if _locked(file)), None)

    def leave(self) -> None:
        """Compute no more."""
        if self._mine is not None:
            fcntl.flock(self._mine, fcntl.LOCK_UN)
            self._mine = None

    def share(self) -> int:
        """The cores for this process, at least one; only after `enter`."""
        if not self._files:
            return self._cores
        self.enter()
        if self._mine is None:
            return 1
        taken = [file for file in self._files if file == self._mine or not _free(file)]
        share, left = divmod(self._cores, len(taken))
        return share + (taken.index(self._mine) < left)

    def close(self) -> None:
        """Close the files."""
        for file in self._files:
            os.close(file)
        self._files.clear()
        self._mine = None


class Pace:
    """How many threads keep up with each other, beside processes that know nothing of slmtape."""

    def __init__(self) -> None:
        self._allowed = 0
        self._most: int | None = None
        self._again = 0.0
        self._patience = _SOONEST
        self._judged = _Judged()

    def threads(self, cores: int, now: float) -> int:
        """How many to compute with, of so many cores at most. `now` is in seconds."""
        free = self._most is None or now >= self._again
        allowed = cores if free or self._most is None else min(cores, self._most)
        if allowed != self._allowed:
            self._allowed, self._judged = allowed, _Judged()
        return allowed

    def took(self, threads: int, seconds: float, computed: float, now: float) -> None:
        """So many threads needed so long, in which they had `computed` seconds of all cores."""
        judged = self._judged
        judged.add(threads, seconds, computed)
        if judged.seconds < _WINDOW:
            return
        self._judged = _Judged()
        if judged.had < judged.wanted - _LOST * judged.seconds:
            self._most = max(1, int(judged.had / judged.seconds))
            self._again = now + self._patience
            self._patience = min(_LATEST, 2 * self._patience)
        elif self._most is None or self._allowed > self._most:
            self._most, self._patience = None, _SOONEST


class _Judged:
    """What threads had, and what they would have had if each had had a core: both in seconds."""

    def __init__(self) -> None:
        self.seconds = self.wanted = self.had = 0.0

    def add(self, threads: int, seconds: float, computed: float) -> None:
        self.seconds += seconds
        self.wanted += threads * seconds
        self.had += computed


def _files(folder: Path | None, count: int) -> list[int]:
    """The files, open. None where there can be none: better slow than not at all."""
    if fcntl is None:
        return []
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    files: list[int] = []
    try:
        folder = folder or Path(tempfile.gettempdir())
        for number in range(count):
            files.append(os.open(folder / f"slmtape-{os.getuid()}-{number}.lock", flags, 0o600))
    except OSError:
        for file in files:
            os.close(file)
        return []
    return files


def _locked(file: int) -> bool:
    """Lock a file, if nobody has."""
    with suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _free(file: int) -> bool:
    """Whether nobody has locked it."""
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    fcntl.flock(file, fcntl.LOCK_UN)
    return True
