"""A cassette directory, in short words."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from slmtape.generation import Recording
from slmtape.stores.cassettes.store import CassetteStore


@contextmanager
def opened(directory: Path) -> Iterator[CassetteStore]:
    with closing(CassetteStore(directory)) as store:
        yield store


def put(directory: Path, *recordings: Recording) -> list[Path]:
    """Record these; returns their files."""
    with opened(directory) as store:
        for recording in recordings:
            store.put(recording)
    return files(directory)


def files(directory: Path) -> list[Path]:
    return sorted(directory.rglob("*.json"))
