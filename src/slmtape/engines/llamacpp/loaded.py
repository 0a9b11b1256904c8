"""The models that this process has in memory: each once, however many servers it answers for."""

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from slmtape.engines.llamacpp.contexts import Contexts
from slmtape.engines.llamacpp.prefixes import Prefixes
from slmtape.engines.llamacpp.space import available
from slmtape.engines.llamacpp.weights import Weights

_PATIENCE = 0.05
"""Seconds between looks at whether a model that is waited for is still wanted."""


@dataclass
class Model:
    """A model in memory, and what it computes in."""

    weights: Weights
    contexts: Contexts


@dataclass
class _Place:
    """Where a model is, or will be."""

    model: Model | None = None
    users: int = 0
    loading: threading.Lock = field(default_factory=threading.Lock)


class Loaded:
    """Models by file, least recently used first. Methods may be called from any thread."""

    def __init__(self) -> None:
        self._places: dict[Path, _Place] = {}
        self._holders: Counter[Path] = Counter()
        self._unwanted: set[Path] = set()
        self._queue: list[object] = []
        self._changed = threading.Condition()
        self._prefixes = Prefixes()

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files of those that are loaded, or being loaded."""
        return tuple(self._places)

    @contextmanager
    def using(
        self, path: Path, most: int | None = None, waiting: Callable[[], object] = lambda: None
    ) -> Iterator[Model]:
        """The model of a file, which is loaded if need be, and stays meanwhile.

        To load it, others that nobody uses are unloaded: those beyond `most` models, and where it
        would not fit into memory beside them. Whoever waits calls `waiting` again and again; what
        it raises is raised here. Raises EngineError where the file can't be loaded.
        """
        place = self._enter(path, most, waiting)
        try:
            yield self._model(place, path, waiting)
        finally:
            with self._changed:
                place.users -= 1
                if not place.users and place.model is None:
                    del self._places[path]
                self._let_go(path)
                self._changed.notify_all()

    def hold(self, path: Path) -> None:
        """Say that somebody will use a file's model, now and again, until `release`."""
        with self._changed:
            self._holders[path] += 1

    def release(self, path: Path, *, unload: bool) -> None:
        """Undo `hold`; with `unload` the model is unloaded when nobody holds it any more."""
        with self._changed:
            self._holders[path] -= 1
            if unload:
                self._unwanted.add(path)
            self._let_go(path)

    def forked(self) -> None:
        """Go on in a forked child, which has none of the threads that use what is here.

        It reads its parent's weights; what it computes in is its own.
        """
        self._changed, self._prefixes = threading.Condition(), Prefixes()
        self._queue.clear()
        models = {path: place.model for path, place in self._places.items() if place.model}
        self._places = {}
        for path, model in models.items():
            model.weights.forked()
            contexts = Contexts(model.weights, self._prefixes)
            self._places[path] = _Place(Model(model.weights, contexts))

    def _enter(self, path: Path, most: int | None, waiting: Callable[[], object]) -> _Place:
        ticket = object()
        with self._changed:
            self._queue.append(ticket)
            try:
                while not (self._queue[0] is ticket and self._makes_room(path, most)):
                    self._changed.wait(_PATIENCE)
                    waiting()
                place = self._places.pop(path, None) or _Place()
                self._places[path] = place
                place.users += 1
                return place
            finally:
                self._queue.remove(ticket)
                self._changed.notify_all()

    def _makes_room(self, path: Path, most: int | None) -> bool:
        """Whether there is room for the model, after others were unloaded."""
        if path in self._places:
            return True
        size = path.stat().st_size if path.is_file() else 0
        while self._places:
            too_many = most is not None and len(self._places) >= most
            if not too_many and size < available():
                break
            idle = next((path for path, place in self._places.items() if not place.users), None)
            if idle is None:
                return False
            self._unload(idle)
        return True

    def _let_go(self, path: Path) -> None:
        """Unload a model that is not wanted, unless somebody holds or uses it."""
        place = self._places.get(path)
        if path in self._unwanted and not self._holders[path] and not (place and place.users):
            self._unwanted.remove(path)
            if place:
                self._unload(path)

    def _unload(self, path: Path) -> None:
        model = self._places.pop(path).model
        assert model is not None
        model.contexts.close()
        self._prefixes.forget(model.weights)
        model.weights.close()

    def _model(self, place: _Place, path: Path, waiting: Callable[[], object]) -> Model:
        while not place.loading.acquire(timeout=_PATIENCE):
            waiting()
        try:
            if place.model is None:
                weights = Weights(path)
                place.model = Model(weights, Contexts(weights, self._prefixes))
            return place.model
        finally:
            place.loading.release()


_LOADED = Loaded()


def loaded() -> Loaded:
    """Those of this process."""
    return _LOADED


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_LOADED.forked)
