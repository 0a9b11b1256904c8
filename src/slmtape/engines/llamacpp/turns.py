"""One process computes at a time.

llama.cpp's threads wait for each other in busy loops: two processes with a thread per core each
bring one another to a standstill. So each step of work is done under a lock that all processes of
a user share. The operating system lets go of it when its holder dies.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ModuleNotFoundError:  # Windows: each process for itself
    fcntl = None  # type: ignore[assignment]


@contextmanager
def turn() -> Iterator[None]:
    """Wait for a turn to compute; give it back at the end."""
    descriptor = _open()
    if descriptor is None:
        yield
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)  # lets go of the lock


def _open() -> int | None:
    """The lock's file, opened anew: a lock belongs to its opening, so threads wait as well."""
    if fcntl is None:
        return None
    path = Path(tempfile.gettempdir()) / f"slmtape-{os.getuid()}.lock"
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError:  # nowhere to write: better slow than not at all
        return None
