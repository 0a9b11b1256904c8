"""Which recordings were replayed since their cache was made: what it keeps beside them."""

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from slmtape.errors import CassetteError
from slmtape.stores.cassettes.cache import Cache
from slmtape.stores.cassettes.files import CACHE


class Replayed(NamedTuple):
    """How often a recording was replayed, and when it was used last: in seconds since the epoch.

    0 times: it was recorded, and not replayed since.
    """

    times: int
    last: float


def replayed(directory: Path) -> Mapping[str, Replayed]:
    """What was used since the cache was made, by key. Raises CassetteError."""
    found: dict[str, Replayed] = {}
    try:
        for cache in _cache(directory):
            for key, _, times, last in cache.replays():
                before = found.get(key, Replayed(0, last))
                found[key] = Replayed(before.times + times, max(before.last, last))
    except sqlite3.Error as error:
        raise CassetteError(
            f"{directory / CACHE} can't be read: {error}. Delete it, and run the suite again."
        ) from error
    return found


def renamed(directory: Path, keys: Mapping[str, str]) -> None:
    """Have what was replayed under these keys be replayed under others: old to new.

    Where the cache can't be used, nothing happens: it is counts that are lost, nobody's recording.
    """
    with contextlib.suppress(sqlite3.Error):
        for cache in _cache(directory):
            cache.renamed(keys)


def _cache(directory: Path) -> Iterator[Cache]:
    """The cache, if there is one."""
    path = directory / CACHE
    if path.exists():
        with closing(Cache(path)) as cache:
            yield cache
