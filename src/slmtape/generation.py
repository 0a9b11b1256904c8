"""What is asked and what is answered: the values every room speaks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, Protocol

Role = Literal["system", "developer", "user", "assistant"]
FinishReason = Literal["stop", "length"]


_COLDEST = 1e-6
"""A temperature below this is 0: nothing but the likeliest token has a chance, and dividing by it
would leave the numbers that llama.cpp computes with."""


class Mode(StrEnum):
    """What a server does with a request: see the table of record modes in the README."""

    AUTO = "auto"
    REPLAY = "replay"
    LIVE = "live"
    REWRITE = "rewrite"


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation; `name` tells apart speakers of the same role."""

    role: Role
    content: str
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRequest:
    """All that an answer depends on, and nothing else.

    Two requests that must get the same answer are equal: what can't change it is put to its
    default (a seed or `top_p` at temperature 0, the order of stop sequences, a bias of 0).

    Ranges are OpenAI's: `temperature` 0 to 2, `top_p` 0 to 1, penalties -2 to 2, biases -100 to
    100 by token id of the model that answers. `max_tokens` is a count of tokens; None: until the
    model stops or its context is full.
    """

    model: str
    messages: tuple[Message, ...]
    temperature: float = 0.0
    top_p: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    logit_bias: tuple[tuple[int, float], ...] = ()
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None

    def __post_init__(self) -> None:
        settle = object.__setattr__
        if self.temperature < _COLDEST:
            settle(self, "temperature", 0.0)
            settle(self, "top_p", 1.0)
            settle(self, "seed", None)
        if self.stop:
            settle(self, "stop", tuple(sorted({stop for stop in self.stop if stop})))
        if self.logit_bias:
            biases = sorted((token, float(bias)) for token, bias in self.logit_bias if bias)
            settle(self, "logit_bias", tuple(biases))

    @property
    def samples(self) -> bool:
        """Whether chance has a say, and so a seed."""
        return self.temperature > 0


@dataclass(frozen=True, slots=True)
class Piece:
    """A unit of text from an engine: one token, or more where a character spans several.

    An engine also says pieces without text, so that it can be stopped where none is ready.
    """

    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationResult:
    """A complete answer. Token counts are the model's own; the end-of-text token is not counted."""

    pieces: tuple[Piece, ...]
    finish_reason: FinishReason
    prompt_tokens: int
    completion_tokens: int

    @property
    def text(self) -> str:
        """The whole answer."""
        return "".join(piece.text for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model's file as recordings name it: file name without its folder, sha256 in hex."""

    name: str
    file: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One answered request as a store keeps it.

    `made_with` says what the answer's bytes depend on besides the request: versions and settings.
    """

    key: str
    model: ModelFile
    request: GenerationRequest
    result: GenerationResult
    made_with: Mapping[str, str] = field(default_factory=dict)


class Engine(Protocol):
    """What turns a request into an answer."""

    @property
    def model(self) -> ModelFile:
        """The model that answers."""

    @property
    def made_with(self) -> Mapping[str, str]:
        """What answers depend on besides the request and the model."""

    def generate(
        self, request: GenerationRequest, say: Callable[[Piece], None]
    ) -> GenerationResult:
        """Say the answer's pieces as the model says them; return it complete.

        `say` is called in any thread. What it raises stops the work, and is raised here. Equal
        requests get equal answers.
        """


class Store(Protocol):
    """Where recordings are kept. All methods may be called from any thread."""

    def get(self, key: str) -> GenerationResult | None:
        """The result recorded under this key, or None."""

    def put(self, recording: Recording) -> None:
        """Keep this recording, in place of any other with its key."""

    def requests(self) -> Mapping[str, GenerationRequest]:
        """What is recorded: where each recording is (as its reader would say it) to its request."""

    def close(self) -> None:
        """Let go of files and connections."""
