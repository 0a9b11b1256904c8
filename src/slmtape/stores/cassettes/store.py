"""A cassette directory: recordings in files, looked up in a cache that is derived from them."""

import contextlib
import json
import os
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

from slmtape.errors import CassetteError
from slmtape.generation import Recording, Request, Result
from slmtape.keys import canonical, restore
from slmtape.stores.cassettes import files, recording_file
from slmtape.stores.cassettes.cache import Cache, Row, Stamp, is_unavailable

_CACHE = files.CACHE
_TEST = "PYTEST_CURRENT_TEST"
"""Where pytest says which test is running, and in brackets whether it is set up, called …"""


class CassetteStore:
    """Recordings in a directory, which is made when the first recording is."""

    def __init__(self, directory: Path) -> None:
        # Tests go elsewhere; what is told of files is from where their run began.
        self._directory = directory.absolute()
        inside = self._directory.is_relative_to(Path.cwd())
        self._shown = self._directory.relative_to(Path.cwd()) if inside else directory
        self._lock = threading.Lock()
        self._replays: Counter[tuple[str, str]] = Counter()
        self._cache: Cache | None = None
        with self._told():
            self._open()

    def get(self, key: str) -> Result | None:
        """The result recorded under this key, or None. Raises CassetteError."""
        try:  # not `_told`, which takes longer than all the rest
            cache = self._open()
            written = cache.result(key) if cache else None
        except (sqlite3.Error, OSError) as error:
            raise self._telling(error) from error
        if written is None:
            return None
        self._replays[key, os.environ.get(_TEST, "")] += 1
        return _result(written)

    def recording(self, key: str) -> tuple[str, Recording] | None:
        """All that is recorded under this key, and its path. Raises CassetteError."""
        with self._told():
            cache = self._open()
            file = cache.file(key) if cache else None
        if file is None:
            return None
        return str(self._shown / file), files.read(self._directory / file).recording

    def put(self, recording: Recording) -> None:
        """Keep this recording: its file first, then its row. Raises CassetteError."""
        with self._told():
            self._directory.mkdir(parents=True, exist_ok=True)
            cache = self._open()
            assert cache is not None
            name = cache.file(recording.key) or recording_file.file_name(recording)
            path = self._directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            files.write(path, recording_file.write(recording))
            cache.change([_row(name, recording, files.stamp(path))])
            self._replays[recording.key, os.environ.get(_TEST, "")] += 0  # it is used

    def requests(self) -> Mapping[str, Request]:
        """What is recorded: the path of each recording to its request."""
        with self._told():
            cache = self._open()
            recorded = cache.requests() if cache else {}
        return {str(self._shown / file): restore(request) for file, request in recorded.items()}

    def unused(self, since: float) -> list[str] | None:
        """The paths of recordings that were neither replayed nor written since that moment.

        It is in seconds since the epoch. None where replays can't be counted: the cache is in
        memory. Servers that still run have not yet counted theirs.
        """
        with self._told():
            cache = self._open()
            idle = cache.unused(since) if cache and cache.lasting else None
        return None if idle is None else [str(self._shown / file) for file in idle]

    def close(self) -> None:
        """Write down what was replayed, and close the cache."""
        with self._lock:
            if self._cache:
                with contextlib.suppress(sqlite3.Error):  # nobody's recording, only counts
                    if self._replays:
                        self._cache.replayed(_by_test(self._replays))
                self._replays.clear()
                self._cache.close()
                self._cache = None

    def _open(self) -> Cache | None:
        """The cache, up to date with the files; None as long as there is no directory."""
        if self._cache:
            return self._cache
        with self._lock:
            if not self._cache and self._directory.is_dir():
                files.ignore(self._directory)
                self._cache = self._opened()
        return self._cache

    def _opened(self) -> Cache:
        """The cache, from its file; from one made anew if that is damaged; or else in memory."""
        path = self._directory / _CACHE
        for attempt in (path, path, None):
            try:
                cache = Cache(attempt)
                try:
                    self._update(cache)
                except BaseException:
                    cache.close()
                    raise
                return cache
            except sqlite3.Error as error:
                if attempt is None:
                    raise
                if not is_unavailable(error):
                    for file in self._directory.glob(f"{_CACHE}*"):
                        with contextlib.suppress(OSError):
                            file.unlink()
        raise AssertionError("memory is always there")

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """What the file system and SQLite refuse, as a CassetteError."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise self._telling(error) from error

    def _telling(self, error: sqlite3.Error | OSError) -> CassetteError:
        if isinstance(error, OSError):
            return CassetteError(f"The cassette directory {self._shown} can't be used: {error}.")
        return CassetteError(
            f"{self._shown / _CACHE} can't be used: {error}. "
            "Delete it: it is made anew from the recordings."
        )

    def _update(self, cache: Cache) -> None:
        """Bring the cache up to date with the files."""
        known = cache.files()  # before looking: what another process adds meanwhile is not gone
        present = dict(files.files(self._directory))
        changed = {file: stamp for file, stamp in present.items() if known.get(file) != stamp}
        gone = {file for file in known.keys() - present if not (self._directory / file).exists()}
        if not changed and not gone:
            return
        rows, damage = self._read(changed)
        damage += self._doubles(cache, rows, gone | changed.keys())
        if damage:
            raise CassetteError("\n".join([*damage, files.MEND]))
        cache.change(rows, gone)

    def _read(self, changed: Mapping[str, Stamp]) -> tuple[list[Row], list[str]]:
        """The rows of these files, and a sentence for each that can't be read."""
        rows, damage = [], []
        for file, stamp in changed.items():
            path = self._directory / file
            try:
                rows.append(
                    _row(file, recording_file.read(path.read_text(encoding="utf-8")), stamp)
                )
            except FileNotFoundError:
                continue
            except (OSError, ValueError) as error:
                damage.append(f"{self._shown / file} can't be used: {error}.")
        return rows, damage

    def _doubles(self, cache: Cache, rows: list[Row], outdated: set[str]) -> list[str]:
        """A sentence for each recording whose key is in another file as well.

        What the cache knows of `outdated` files no longer counts.
        """
        places: dict[str, str] = {}
        doubles = []
        for row in rows:
            other = places.setdefault(row.key, row.file)
            if other == row.file:
                before = cache.file(row.key)
                other = before if before and before not in outdated else row.file
            if other != row.file:
                doubles.append(files.doubled(self._shown / row.file, self._shown / other))
        return doubles


def _by_test(replays: Mapping[tuple[str, str], int]) -> Counter[tuple[str, str]]:
    """How often each key was replayed by each test, in whatever phase of it."""
    counts: Counter[tuple[str, str]] = Counter()
    for (key, running), times in replays.items():
        counts[key, running.rpartition(" (")[0]] += times
    return counts


@lru_cache(maxsize=256)
def _result(written: str) -> Result:
    """The result in a row: the same object for the same text, as tests ask the same again."""
    return recording_file.read_result(json.loads(written))


def _row(file: str, recording: Recording, stamp: Stamp) -> Row:
    result = recording_file.write_result(recording.result)
    return Row(recording.key, file, stamp, canonical(recording.request), result)
