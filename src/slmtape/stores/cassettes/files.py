"""The files of a cassette directory: which there are, read one by one, written whole."""

import contextlib
import hashlib
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from slmtape.errors import CassetteError
from slmtape.generation import Recording
from slmtape.stores.cassettes import recording_file
from slmtape.stores.cassettes.cache import Stamp

CACHE = ".cache.sqlite3"
MEND = "Mend it (git knows how it was), or delete it and record anew."
_GITIGNORE = f"""\
# The cache is derived from the recordings beside it.
{CACHE}*
.*.tmp
"""
_STALE = 60.0
"""Seconds after which a temporary file can only be left from a process that was killed."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recording as it is in its file, whose SHA-256 in hex is `digest`."""

    digest: str
    recording: Recording


def recordings(directory: Path) -> Iterator[tuple[Path, Recorded | CassetteError]]:
    """Every file below the directory in order, with its recording, or what is wrong with it."""
    firsts: dict[str, Path] = {}
    for name, _ in sorted(files(directory)):
        path = directory / name
        try:
            found = read(path)
        except CassetteError as error:
            yield path, error
            continue
        first = firsts.setdefault(found.recording.key, path)
        if first == path:
            yield path, found
        else:
            yield path, CassetteError(f"{doubled(path, first)}\n{MEND}")


def read(path: Path) -> Recorded:
    """The recording in this file. Raises CassetteError, which names the file."""
    try:
        text = path.read_bytes()
        recording = recording_file.read(text.decode())
    except (OSError, ValueError) as error:
        raise CassetteError(f"{path} can't be used: {error}.\n{MEND}") from error
    return Recorded(hashlib.sha256(text).hexdigest(), recording)


def doubled(path: Path, other: Path) -> str:
    """A sentence about a file that records what another one does."""
    return f"{path} can't be used: {other} records the same request."


def ignore(directory: Path) -> None:
    """Have git overlook what is not to be committed, unless somebody has said what."""
    with contextlib.suppress(OSError), (directory / ".gitignore").open("x") as file:
        file.write(_GITIGNORE)


def files(directory: Path) -> Iterator[tuple[str, Stamp]]:
    """Every JSON file below the directory; temporary files of dead processes go."""
    pending = [("", directory)]
    while pending:
        prefix, folder = pending.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    if _TEMPORARY.fullmatch(entry.name):
                        _sweep(entry)
                elif entry.is_dir():
                    pending.append((f"{prefix}{entry.name}/", Path(entry.path)))
                elif entry.name.endswith(".json"):
                    with contextlib.suppress(FileNotFoundError):
                        status = entry.stat()
                        yield (
                            f"{prefix}{entry.name}",
                            Stamp(status.st_size, status.st_mtime_ns),
                        )


_TEMPORARY = re.compile(r"\..+-[0-9a-f]{32}\.tmp")


def _sweep(entry: os.DirEntry[str]) -> None:
    with contextlib.suppress(OSError):
        if time.time() - entry.stat().st_mtime > _STALE:
            Path(entry.path).unlink()


def stamp(path: Path) -> Stamp:
    """As the file is now."""
    status = path.stat()
    return Stamp(status.st_size, status.st_mtime_ns)


def write(path: Path, text: str) -> None:
    """Write the file whole or not at all, and durably."""
    temporary = path.with_name(f".{path.stem}-{uuid4().hex}.tmp")
    try:
        with temporary.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def remove_if_empty(folder: Path) -> None:
    """Have no folder left that holds nothing."""
    with contextlib.suppress(OSError):  # it holds something
        folder.rmdir()


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):  # Windows can't
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
