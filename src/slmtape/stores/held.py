"""A store that keeps what is newly recorded to itself until it is told to keep it."""

import threading
from collections.abc import Mapping

from slmtape.generation import Recording, Request, Result, Store


class HeldStore:
    """Recordings of another store, and in front of them new ones, in memory."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._held: dict[str, Recording] = {}
        self._lock = threading.Lock()

    def get(self, key: str) -> Result | None:
        """The result recorded under this key, or None."""
        held = self._held.get(key)
        return self._store.get(key) if held is None else held.result

    def recording(self, key: str) -> tuple[str, Recording] | None:
        """All that is recorded under this key, and where it is."""
        held = self._held.get(key)
        return self._store.recording(key) if held is None else (_place(key), held)

    def put(self, recording: Recording) -> None:
        """Hold this recording."""
        with self._lock:
            self._held[recording.key] = recording

    def requests(self) -> Mapping[str, Request]:
        """What is recorded, and what is held."""
        with self._lock:
            held = dict(self._held)
        return {**self._store.requests(), **{_place(key): one.request for key, one in held.items()}}

    def keep(self) -> list[str]:
        """Have the other store keep what is held; where each recording is then."""
        places = []
        for recording in self._taken():
            self._store.put(recording)
            found = self._store.recording(recording.key)
            places += [found[0]] if found else []
        return places

    def discard(self) -> int:
        """Forget what is held; how many recordings that were."""
        return len(self._taken())

    def close(self) -> None:
        """Let go of files and connections."""
        self._store.close()

    def _taken(self) -> list[Recording]:
        with self._lock:
            held, self._held = list(self._held.values()), {}
        return held


def _place(key: str) -> str:
    return f"a recording that is not kept yet ({key})"
