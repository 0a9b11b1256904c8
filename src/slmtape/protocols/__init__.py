"""A folder here is one wire protocol: pure functions between JSON bodies and requests and answers.

A protocol knows no engine, no store and no web framework. What it serves is its `endpoints`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Literal, Protocol

from slmtape.errors import SlmtapeError
from slmtape.generation import Piece, Request

PROTOCOLS = {"openai": "slmtape.protocols.openai:OPENAI"}


@dataclass(frozen=True, slots=True)
class Served:
    """What a server serves: the models' names, and other names for them (`*`: any other).

    `lenient`: parameters that OpenAI doesn't know are let through. `media` says what becomes of
    images, audio and files, which a text model can't take in: a line that stands for each, or an
    error. `reasoning_content`: answers tell what the model thought also where OpenAI would not.
    """

    models: Sequence[str]
    aliases: Mapping[str, str]
    lenient: bool = False
    media: Literal["describe", "refuse"] = "describe"
    reasoning_content: bool = False

    def find(self, asked: str) -> str | None:
        """The served model that answers to the name a client asked for."""
        if asked in self.models:
            return asked
        return self.aliases.get(asked, self.aliases.get("*"))

    @property
    def names(self) -> list[str]:
        """Every name a client can ask for."""
        return [*self.models, *(alias for alias in self.aliases if alias != "*")]


@dataclass(frozen=True, slots=True)
class Incoming:
    """An HTTP call before its protocol has understood it.

    `path` has what stood in the path's `{names}`, `query` the last value of each parameter.
    `memory` is what the protocol made for this server to remember things in.
    """

    served: Served
    body: bytes = b""
    content_type: str | None = None
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    memory: Any = None


class Rendering(Protocol):
    """One answer of a call as server-sent events. All results have the same model."""

    def open(self) -> str:
        """The events before the first piece."""

    def piece(self, index: int, piece: Piece) -> str:
        """The events of a piece of the choice with this index; choices come in their order."""

    def close(self, results: Sequence[Any]) -> str:
        """The events after the last piece."""

    def error(self, error: SlmtapeError) -> str:
        """The event of an error in the middle."""


class ParsedCall(Protocol):
    """One HTTP call as its protocol understood it.

    Results are of the kind that its requests ask for, in the order of keys: `n` to each request.
    """

    @property
    def requests(self) -> Sequence[Request]:
        """What is asked, one or more."""

    @property
    def model(self) -> str:
        """The model's name that the client asked for."""

    @property
    def n(self) -> int:
        """How many answers are wanted to each."""

    @property
    def stream(self) -> bool:
        """Whether the client wants server-sent events."""

    @property
    def background(self) -> bool:
        """Whether the client comes back for the answer."""

    def begin(self, keys: Sequence[str], cancel: Callable[[], object]) -> bytes:
        """The body that says the answer is on its way, where `background`. `cancel` ends that."""

    def render(self, keys: Sequence[str], results: Sequence[Any]) -> bytes:
        """The body of the whole answer."""

    def rendering(self, keys: Sequence[str]) -> Rendering:
        """The answer as events."""

    def keep(self, keys: Sequence[str], outcome: Sequence[Any] | SlmtapeError) -> None:
        """Remember what was answered, where later calls can ask for it. Called once or twice."""


def _same(error: SlmtapeError) -> SlmtapeError:
    return error


@dataclass(frozen=True, slots=True)
class Generates:
    """A path that answers POST by generating: `parse` makes a call of a body, or RequestError.

    `reword` puts an error into the words of this path.
    """

    path: str
    parse: Callable[[Incoming], ParsedCall]
    reword: Callable[[SlmtapeError], SlmtapeError] = _same


@dataclass(frozen=True, slots=True)
class Tells:
    """A path that answers with JSON, without a model. `tell` returns it or raises RequestError."""

    path: str
    tell: Callable[[Incoming], Any]
    method: Literal["GET", "POST", "DELETE"] = "GET"


@dataclass(frozen=True, slots=True)
class WireProtocol:
    """All that a server needs of a protocol."""

    endpoints: Iterable[Generates | Tells]
    memory: Callable[[], Any]
    """Makes what one server remembers between calls."""
    error: Callable[[SlmtapeError], bytes]
    """The body of an error."""
    failure: Callable[[int, str | None], SlmtapeError]
    """The error that the API gives with this status and code; None: the usual one."""
    failure_headers: Callable[[int, float | None], Mapping[str, str]]
    """What such an error's headers tell: status, seconds after which to ask again."""
    headers: Mapping[str, str]
    """What every answer has."""
    authorize: Callable[[str | None, str], None]
    """Raises RequestError where an `Authorization` header does not have this API key."""
    no_such_path: Callable[[str, str], SlmtapeError]
    """The error for an unknown path: method, path."""
    wrong_method: Callable[[str, str], SlmtapeError]
    """The error for a method that a path does not have: method, path."""


def load(protocol: str) -> WireProtocol:
    """The protocol of that name."""
    module, _, attribute = PROTOCOLS[protocol].partition(":")
    loaded: WireProtocol = getattr(import_module(module), attribute)
    return loaded
