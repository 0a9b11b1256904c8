"""A model's name → its GGUF file on disk. A file or folder here is one kind of source."""

import difflib
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Protocol

from slmtape.errors import ConfigurationError
from slmtape.models import embedded, hub, local
from slmtape.models.catalogue import MODELS
from slmtape.models.files import ModelFiles
from slmtape.models.progress import Tell, shown

_PATIENCE = 0.05
"""Seconds between looks at whether a model is still wanted."""


class Source(Protocol):
    """What a file or folder of this folder offers."""

    def serves(self, model: str) -> bool:
        """Whether this is a model of this source."""

    def served_name(self, model: str) -> str:
        """The name it is served by."""

    def here(self, model: str) -> ModelFiles | None:
        """The model's files, if they are on this machine. Quick, and asks no network."""

    def fetch(self, model: str, tell: Tell, *, newest: bool = False) -> ModelFiles:
        """The model's files, brought here if need be, ready to load. Raises ModelError."""

    def remove(self, model: str) -> int:
        """Delete its files; how many bytes that freed. Raises ModelError where they must stay."""


SOURCES: tuple[Source, ...] = (embedded, hub, local)
"""Asked in this order."""


def served_name(model: str) -> str:
    """The name a model is served by, for what was given as `model_name`.

    Raises ConfigurationError where no source knows it. Looks at no file, so that a recording
    can be replayed where its model is not.
    """
    return source(model).served_name(model)


def find(model: str, waiting: Callable[[], object] = lambda: None) -> ModelFiles:
    """The model's files, downloaded if need be. Raises ModelError.

    Until they are here, `waiting` is called again and again; what it raises ends the waiting, not
    the download. Whoever asks for the same model meanwhile waits for the same download.
    """
    future = _fetching(model)
    while not future.done():
        waiting()
        wait([future], timeout=_PATIENCE)
    return future.result()


def source(model: str) -> Source:
    """Where a model comes from. Raises ConfigurationError where no source knows it."""
    for one in SOURCES:
        if one.serves(model):
            return one
    near = difflib.get_close_matches(model.lower(), MODELS, n=1)
    guess = f" Did you mean {near[0]!r}?" if near else ""
    raise ConfigurationError(
        f"Unknown model_name {model!r}.{guess} Known: {', '.join(map(repr, MODELS))}, a repository "
        "of the Hugging Face hub as 'owner/repo' or 'owner/repo:file.gguf', or the path of a .gguf "
        "file."
    )


_under_way: dict[str, "Future[ModelFiles]"] = {}
_lock = threading.Lock()


def _fetching(model: str) -> "Future[ModelFiles]":
    with _lock:
        if model not in _under_way:
            future: Future[ModelFiles] = Future()
            threading.Thread(
                target=_fetch, args=(model, future), name=f"slmtape-{model}", daemon=True
            ).start()  # it ends only after the lock that is held here
            _under_way[model] = future
        return _under_way[model]


def _fetch(model: str, future: "Future[ModelFiles]") -> None:
    outcome: ModelFiles | BaseException
    try:
        with shown() as tell:
            outcome = source(model).fetch(model, tell)
    except BaseException as error:
        outcome = error
    with _lock:  # before anybody hears of it, so that who asks again asks anew
        del _under_way[model]
    if isinstance(outcome, BaseException):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)


def _forget() -> None:
    global _lock
    _lock = threading.Lock()
    _under_way.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)  # which has none of the threads
