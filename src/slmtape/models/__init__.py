"""A model's name → its GGUF file on disk. A file here is one kind of source."""

from pathlib import Path
from typing import Protocol

from slmtape.errors import ConfigurationError
from slmtape.models import embedded, local


class Source(Protocol):
    """What a file of this folder offers."""

    def serves(self, model: str) -> bool:
        """Whether this is a model of this source."""

    def served_name(self, model: str) -> str:
        """The name it is served by."""

    def find(self, model: str) -> Path:
        """The model's file."""


SOURCES: tuple[Source, ...] = (embedded, local)
"""Asked in this order."""


def served_name(model: str) -> str:
    """The name a model is served by, for what was given as `model_name`.

    Raises ConfigurationError where no source knows it. Looks at no file, so that a recording
    can be replayed where its model is not.
    """
    return _source(model).served_name(model)


def find(model: str) -> Path:
    """The model's file. Raises ModelError where it is missing."""
    return _source(model).find(model)


def _source(model: str) -> Source:
    for source in SOURCES:
        if source.serves(model):
            return source
    known = ", ".join(repr(name) for name in embedded.MODELS)
    raise ConfigurationError(
        f"Unknown model_name {model!r}. Known: {known}, or the path of a .gguf file."
    )
