"""Which recordings were used since their cache was made: what it keeps beside them."""

import contextlib
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from slmtape.errors import CassetteError
from slmtape.stores.cassettes.cache import Cache, Replay, Used
from slmtape.stores.cassettes.files import CACHE

T = TypeVar("T")


def used(directory: Path) -> Mapping[str, Used]:
    """What was used since the cache was made, by key. Raises CassetteError."""
    return _asked(directory, Cache.used) or {}


def replays(directory: Path) -> list[Replay]:
    """What was replayed since the cache was made, by key and test. Raises CassetteError."""
    return _asked(directory, Cache.replays) or []


def renamed(directory: Path, keys: Mapping[str, str]) -> None:
    """Have what was used under these keys be used under others: old to new.

    Where the cache can't be used, nothing happens: it is counts that are lost, nobody's recording.
    """
    path = directory / CACHE
    if path.exists():
        with contextlib.suppress(sqlite3.Error), closing(Cache(path)) as cache:
            cache.renamed(keys)


def _asked(directory: Path, question: Callable[[Cache], T]) -> T | None:
    """What the cache answers; None where there is none."""
    path = directory / CACHE
    if not path.exists():
        return None
    try:
        with closing(Cache(path)) as cache:
            return question(cache)
    except sqlite3.Error as error:
        raise CassetteError(
            f"{path} can't be read: {error}. Delete it, and run the suite again."
        ) from error
