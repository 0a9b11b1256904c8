"""The SQLite cache of a cassette directory: what every lookup asks. Deleting it loses nothing."""

import json
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

_VERSION = 2
_PATIENCE = 60.0
"""Seconds to wait for another process that writes."""

_UNAVAILABLE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
}

_SCHEMA = """
CREATE TABLE recordings (
    key TEXT PRIMARY KEY,
    file TEXT UNIQUE NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    request TEXT NOT NULL,
    result TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE replays (
    key TEXT NOT NULL,
    test TEXT NOT NULL,
    times INTEGER NOT NULL,
    last REAL NOT NULL,
    PRIMARY KEY (key, test)
) WITHOUT ROWID;
"""


class Stamp(NamedTuple):
    """What tells whether a file changed: its size in bytes and modification time in ns."""

    size: int
    mtime_ns: int


class Row(NamedTuple):
    """A recording as the cache knows it: `file` relative to the directory, the rest JSON values."""

    key: str
    file: str
    stamp: Stamp
    request: dict[str, Any]
    result: dict[str, Any]


class Replay(NamedTuple):
    """How often a test replayed a recording, and when last: in seconds since the epoch.

    `test` is as pytest calls it, "" where none was running.
    """

    key: str
    test: str
    times: int
    last: float


class Used(NamedTuple):
    """How often a recording was replayed, and when it was used last: in seconds since the epoch.

    0 times: it was recorded, and not replayed since.
    """

    times: int
    last: float


class Cache:
    """Recordings by key. Reads and writes use a connection each, so a read never waits."""

    def __init__(self, path: Path | None) -> None:
        """Open the file, or make it; None: keep everything in memory. Raises sqlite3.Error."""
        self.lasting = path is not None
        """Whether it is there for others, and for the next time."""
        self._writer = _Connection(str(path or ":memory:"))
        try:
            self._prepare()
            self._reader = _Connection(str(path)) if path else self._writer
        except BaseException:
            self._writer.close()
            raise

    def _prepare(self) -> None:
        with self._writer.use() as connection:
            _patiently(lambda: connection.execute("PRAGMA journal_mode = WAL"))
            connection.execute("PRAGMA synchronous = OFF")
        # Also where nothing is to be written: here it shows whether anything can be.
        with self._writer.transaction() as connection:
            if connection.execute("PRAGMA user_version").fetchone()[0] == _VERSION:
                return
            connection.execute("DROP TABLE IF EXISTS recordings")
            connection.execute("DROP TABLE IF EXISTS replays")
            for statement in _SCHEMA.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {_VERSION}")

    def result(self, key: str) -> str | None:
        """The result recorded under this key, as JSON."""
        row = self._reader.one("SELECT result FROM recordings WHERE key = ?", key)
        return row[0] if row else None

    def file(self, key: str) -> str | None:
        """Where this key is recorded."""
        row = self._reader.one("SELECT file FROM recordings WHERE key = ?", key)
        return row[0] if row else None

    def files(self) -> dict[str, Stamp]:
        """All recorded files, as they were when they were read."""
        with self._reader.use() as connection:
            rows = connection.execute("SELECT file, size, mtime_ns FROM recordings").fetchall()
        return {file: Stamp(size, mtime_ns) for file, size, mtime_ns in rows}

    def requests(self) -> dict[str, dict[str, Any]]:
        """All recorded requests, by file."""
        with self._writer.use() as connection:  # long: who replays meanwhile must not wait
            rows = connection.execute("SELECT file, request FROM recordings").fetchall()
        return {file: json.loads(request) for file, request in rows}

    def change(self, rows: Iterable[Row], gone: Iterable[str] = ()) -> None:
        """Take these rows in, in place of others with their key or file; forget files gone."""
        with self._writer.transaction() as connection:
            connection.executemany(
                "DELETE FROM recordings WHERE file = ?", [(file,) for file in gone]
            )
            connection.executemany(
                "INSERT OR REPLACE INTO recordings VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (key, file, *stamp, json.dumps(request), json.dumps(result))
                    for key, file, stamp, request, result in rows
                ],
            )

    def replayed(self, times: Mapping[tuple[str, str], int]) -> None:
        """Add up how often each key was replayed by each test."""
        now = time.time()
        with self._writer.transaction() as connection:
            connection.executemany(
                "INSERT INTO replays VALUES (?, ?, ?, ?) ON CONFLICT (key, test) DO UPDATE SET "
                "times = times + excluded.times, last = excluded.last",
                [(key, test, count, now) for (key, test), count in times.items()],
            )

    def used(self) -> dict[str, Used]:
        """What was replayed or recorded since the cache was made, by key."""
        with self._reader.use() as connection:
            rows = connection.execute(
                "SELECT key, SUM(times), MAX(last) FROM replays GROUP BY key"
            ).fetchall()
        return {key: Used(times, last) for key, times, last in rows}

    def renamed(self, keys: Mapping[str, str]) -> None:
        """Have what was used under these keys be used under others: old to new."""
        with self._writer.transaction() as connection:
            connection.executemany(
                "UPDATE OR REPLACE replays SET key = ? WHERE key = ?",
                [(new, old) for old, new in keys.items()],
            )

    def replays(self) -> list[Replay]:
        """What was replayed since the cache was made, by key and test."""
        with self._reader.use() as connection:
            rows = connection.execute(
                "SELECT key, test, times, last FROM replays WHERE times > 0 ORDER BY key, test"
            ).fetchall()
        return [Replay(*row) for row in rows]

    def unused(self, since: float) -> list[str]:
        """The files, in order, that were neither replayed nor written since that time."""
        with self._reader.use() as connection:
            rows = connection.execute(
                "SELECT file FROM recordings WHERE mtime_ns < ? AND key NOT IN "
                "(SELECT key FROM replays WHERE last >= ?) ORDER BY file",
                (int(since * 1e9), since),
            ).fetchall()
        return [file for (file,) in rows]

    def close(self) -> None:
        """Close both connections."""
        self._reader.close()
        self._writer.close()


class _Connection:
    """A connection that one thread uses at a time."""

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(
            path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
        )
        self._lock = threading.Lock()

    def one(self, query: str, *arguments: str) -> tuple[Any, ...] | None:
        """The first row of a query."""
        with self._lock:
            row: tuple[Any, ...] | None = self._connection.execute(query, arguments).fetchone()
            return row

    @contextmanager
    def use(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            yield self._connection

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        with self.use() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def close(self) -> None:
        with self._lock:
            self._connection.close()


def is_unavailable(error: sqlite3.Error) -> bool:
    """Whether the file can't be used but may be sound: others hold it, or it can't be written."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
    return code in _UNAVAILABLE


def _patiently(action: Any) -> None:
    """Try again while another process has the file to itself: SQLite does not wait for this one."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            action()
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
        time.sleep(0.002)
