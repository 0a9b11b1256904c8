"""One process computes at a time.

llama.cpp's threads wait for each other in busy loops: two processes with a thread per core each
bring one another to a standstill. So each step of work is done under a lock that all processes of
a user share. The operating system lets go of it when its holder dies.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

try:
    import fcntl
except ModuleNotFoundError:  # Windows: each process for itself
    fcntl = None  # type: ignore[assignment]


@contextmanager
def turn() -> Iterator[None]:
    """Wait for this process's turn to compute. Only for the one thread that computes."""
    lock = _lock()
    if lock is None:
        yield
        return
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(lock, fcntl.LOCK_UN)


@cache
def _lock() -> int | None:
    """The lock's file, open. None where there can be none: better slow than not at all."""
    if fcntl is None:
        return None
    path = Path(tempfile.gettempdir()) / f"slmtape-{os.getuid()}.lock"
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError:
        return None


if fcntl is not None:
    # A lock belongs to the opening of its file, which a forked child shares with its parent.
    os.register_at_fork(after_in_child=_lock.cache_clear)
