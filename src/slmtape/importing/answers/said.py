"""What one answer says, put together from its parts, as a result in pieces."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from slmtape.generation import FinishReason, GenerationResult, Piece, Token
from slmtape.importing.answers import Unreadable

_REASONS: Mapping[str, FinishReason] = {
    "stop": "stop",
    "tool_calls": "stop",
    "function_call": "stop",
    "length": "length",
    "content_filter": "content_filter",
}
PROBABILITIES = "log-probabilities, which don't fit its text"


class Usage(NamedTuple):
    """Counts of tokens."""

    prompt: int
    completion: int
    reasoning: int = 0


@dataclass(slots=True)
class Call:
    """A tool call while its arguments come."""

    name: str
    arguments: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Said:
    """What is said, part by part: a token each in a stream, else all at once.

    `tokens` are those of the text, where log-probabilities were told; `lost` says in words what a
    result can't hold.
    """

    reasoning: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    refusal: list[str] = field(default_factory=list)
    tokens: list[Token] = field(default_factory=list)
    calls: dict[Any, Call] = field(default_factory=dict)
    finish_reason: str | None = None
    lost: list[str] = field(default_factory=list)

    def result(self, usage: Usage) -> GenerationResult:
        """All of it. Raises Unreadable where it is not complete."""
        if self.finish_reason is None:
            raise Unreadable("It is not complete: it has no finish reason.")
        if self.finish_reason not in _REASONS:
            raise Unreadable(f"Its finish reason is {self.finish_reason!r}.")
        return GenerationResult(
            pieces=tuple(self._pieces()),
            finish_reason=_REASONS[self.finish_reason],
            prompt_tokens=usage.prompt,
            completion_tokens=usage.completion,
            reasoning_tokens=usage.reasoning,
        )

    def count(self) -> int:
        """How many pieces it has: about as many as tokens."""
        return sum(1 for _ in self._pieces())

    def _pieces(self) -> Iterator[Piece]:
        yield from (Piece(part, "reasoning") for part in _parted(self.reasoning))
        yield from self._text()
        yield from (Piece(part, "refusal") for part in _parted(self.refusal))
        for call in self.calls.values():
            yield Piece(call.name, "call")
            yield from (Piece(part, "arguments") for part in _parted(call.arguments))

    def _text(self) -> Iterable[Piece]:
        """The text, a piece for each token or few, where it is known what tokens it has."""
        if self.tokens:
            said = b"".join(token.text for token in self.tokens)
            if said == "".join(self.text).encode():
                return _by_token(self.tokens)
            if PROBABILITIES not in self.lost:
                self.lost.append(PROBABILITIES)
        return (Piece(part) for part in _parted(self.text))


def words(text: str) -> list[str]:
    """A text in pieces as a model might say it."""
    return re.findall(r"\s*\S+(?:\s+$)?|^\s+$", text)


def token(told: Mapping[str, Any]) -> Token:
    """A token with its log-probability, as chat completions and responses tell it."""
    top = tuple((_bytes(other), float(other["logprob"])) for other in told.get("top_logprobs", ()))
    return Token(_bytes(told), float(told["logprob"]), top)


def shared(usage: Usage, choices: int, n: int = 1) -> list[Usage]:
    """What each of several choices has of it: `n` each of some prompts, whose tokens count once."""
    prompts = _split(usage.prompt, choices // n)
    rest = zip(_split(usage.completion, choices), _split(usage.reasoning, choices), strict=True)
    return [Usage(prompts[index // n], *counts) for index, counts in enumerate(rest)]


def counted(prompts: Iterable[str], said: Iterable[Said]) -> Usage:
    """Counts where none were told: words of the prompts, pieces of the answers."""
    asked = sum(len(text.split()) for text in prompts)
    return Usage(asked, sum(one.count() for one in said))


def _split(number: int, parts: int) -> list[int]:
    """The number in parts that are as equal as can be, the largest first."""
    whole, rest = divmod(number, parts)
    return [whole + (index < rest) for index in range(parts)]


def _bytes(told: Mapping[str, Any]) -> bytes:
    raw = told.get("bytes")
    return bytes(raw) if raw is not None else str(told["token"]).encode()


def _parted(parts: Sequence[str]) -> list[str]:
    """The parts as they came; a text that came at once, by words."""
    parts = [part for part in parts if part]
    return words(parts[0]) if len(parts) == 1 else parts


def _by_token(tokens: Iterable[Token]) -> Iterator[Piece]:
    """A piece for each token; for several where a character spans them."""
    pending: list[Token] = []
    for one in tokens:
        pending.append(one)
        try:
            text = b"".join(part.text for part in pending).decode()
        except UnicodeDecodeError:
            continue
        yield Piece(text, tokens=tuple(pending))
        pending = []
