"""Which recordings were replayed since their cache was made: what it keeps beside them."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from slmtape.errors import CassetteError
from slmtape.stores.cassettes.files import CACHE

_PATIENCE = 60.0
"""Seconds to wait for another process that writes."""


class Replayed(NamedTuple):
    """How often a recording was replayed, and when last: in seconds since the epoch.

    0 times: it was recorded and not replayed since.
    """

    times: int
    last: float


def replayed(directory: Path) -> Mapping[str, Replayed]:
    """What was used since the cache was made, by key. Raises CassetteError."""
    path = directory / CACHE
    if not path.exists():
        return {}
    try:
        with closing(sqlite3.connect(path, timeout=_PATIENCE)) as connection:
            rows = connection.execute("SELECT key, SUM(times), MAX(last) FROM replays GROUP BY key")
            return {key: Replayed(times, last) for key, times, last in rows}
    except sqlite3.Error as error:
        raise CassetteError(f"{path} can't be read: {error}.") from error


def renamed(directory: Path, keys: Mapping[str, str]) -> None:
    """Have what was replayed under these keys be replayed under others: old to new.

    Where the cache can't be used, nothing happens: it is counts that are lost, nobody's recording.
    """
    path = directory / CACHE
    if not path.exists():
        return
    try:
        with closing(sqlite3.connect(path, timeout=_PATIENCE)) as connection, connection:
            connection.executemany(
                "UPDATE OR REPLACE replays SET key = ? WHERE key = ?",
                [(new, old) for old, new in keys.items()],
            )
    except sqlite3.Error:
        return
