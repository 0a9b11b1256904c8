"""A folder here is one wire protocol: pure functions between JSON bodies and requests and answers.

A protocol knows no engine, no store and no web framework. What it serves is its `endpoints`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

from slmtape.errors import SlmtapeError
from slmtape.generation import GenerationRequest, GenerationResult, Piece

PROTOCOLS = {"openai": "slmtape.protocols.openai:OPENAI"}


@dataclass(frozen=True, slots=True)
class Served:
    """What a server serves: the models' names, and other names for them (`*`: any other)."""

    models: Sequence[str]
    aliases: Mapping[str, str]

    def find(self, asked: str) -> str | None:
        """The served model that answers to the name a client asked for."""
        if asked in self.models:
            return asked
        return self.aliases.get(asked, self.aliases.get("*"))

    @property
    def names(self) -> list[str]:
        """Every name a client can ask for."""
        return [*self.models, *(alias for alias in self.aliases if alias != "*")]


class Rendering(Protocol):
    """One answer of a call as server-sent events. All results have the same model."""

    def open(self) -> str:
        """The events before the first piece."""

    def piece(self, index: int, piece: Piece) -> str:
        """The event of a piece of the choice with this index."""

    def close(self, results: Sequence[GenerationResult]) -> str:
        """The events after the last piece."""

    def error(self, error: SlmtapeError) -> str:
        """The event of an error in the middle."""


class ParsedCall(Protocol):
    """One HTTP call as its protocol understood it."""

    @property
    def request(self) -> GenerationRequest:
        """What is asked."""

    @property
    def n(self) -> int:
        """How many answers are wanted."""

    @property
    def stream(self) -> bool:
        """Whether the client wants server-sent events."""

    def render(self, keys: Sequence[str], results: Sequence[GenerationResult]) -> bytes:
        """The body of the whole answer."""

    def rendering(self, keys: Sequence[str]) -> Rendering:
        """The answer as events."""


@dataclass(frozen=True, slots=True)
class Generates:
    """A path that answers POST by generating: `parse` makes a call of a body, or RequestError."""

    path: str
    parse: Callable[[bytes, str | None, Served], ParsedCall]


@dataclass(frozen=True, slots=True)
class Tells:
    """A path that answers GET with JSON; a `{name}` in the path is handed to `tell`."""

    path: str
    tell: Callable[[Served, Mapping[str, str]], Any]


@dataclass(frozen=True, slots=True)
class WireProtocol:
    """All that a server needs of a protocol."""

    endpoints: Iterable[Generates | Tells]
    error: Callable[[SlmtapeError], bytes]
    """The body of an error."""
    no_such_path: Callable[[str, str], SlmtapeError]
    """The error for an unknown path: method, path."""
    wrong_method: Callable[[str, str], SlmtapeError]
    """The error for a method that a path does not have: method, path."""


def load(protocol: str) -> WireProtocol:
    """The protocol of that name."""
    module, _, attribute = PROTOCOLS[protocol].partition(":")
    loaded: WireProtocol = getattr(import_module(module), attribute)
    return loaded
