"""Faults: failures that a test asks for, whoever answers.

```python
from slmtape import faults

server.fault(faults.Status(429, retry_after=2), times=2)
server.fault(faults.Reset(after=3), user="tell me a story")
```

Where a fault has `after`, it happens in a stream when so many pieces are told; of an answer that is
not streamed, half is sent by then.
"""

import random
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields, replace
from itertools import chain, repeat
from math import inf
from typing import ClassVar

from slmtape.errors import FaultError
from slmtape.generation import EmbeddingResult, FinishReason, GenerationResult, Piece, Result


@dataclass(frozen=True, slots=True)
class Written:
    """A complete answer in bytes: a stream's events, or the two halves of a body without pieces.

    `count` is of how many pieces the answer is.
    """

    opening: bytes
    pieces: tuple[bytes, ...]
    closing: bytes
    count: int
    streamed: bool

    def parts(self) -> list[bytes]:
        """All of it."""
        return [self.opening, *self.pieces, self.closing]


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes, sent so many seconds after those before. None: the connection breaks there."""

    content: bytes | None
    seconds: float = 0.0


@dataclass(frozen=True)
class Fault:
    """A failure, of which clients see `kind` in a header."""

    kind: ClassVar[str]

    @property
    def early(self) -> bool:
        """Whether it happens before anything is asked."""
        return False

    def __str__(self) -> str:
        """As a test would write it: `Status(429, retry_after=2)`."""
        told = []
        for field in fields(self):
            value = getattr(self, field.name)
            if field.default is MISSING:
                told.append(repr(value))
            elif value != field.default:
                told.append(f"{field.name}={value!r}")
        return f"{type(self).__name__}({', '.join(told)})"

    def change(self, result: Result) -> Result:
        """What is answered instead of this. Raises FaultError where that can't be."""
        return result

    def send(self, written: Written) -> Iterator[Part]:
        """How the answer is sent."""
        return map(Part, written.parts())


@dataclass(frozen=True)
class EarlyFault(Fault):
    """One that happens before anything is asked, and mostly instead."""

    @property
    def early(self) -> bool:
        """It is."""
        return True


@dataclass(frozen=True)
class LateFault(Fault):
    """One that happens after so many pieces."""

    after: int = 0

    def __post_init__(self) -> None:
        _not_negative(after=self.after)


@dataclass(frozen=True)
class Status(EarlyFault):
    """An error with this HTTP status instead of an answer, in OpenAI's own words if not in others.

    `code` chooses among errors of one status: a 429 is "rate_limit_exceeded" or
    "insufficient_quota". `retry_after` is in seconds, and tells clients how long to wait.
    """

    kind = "status"
    status: int
    retry_after: float | None = None
    code: str | None = None
    message: str | None = None

    def __post_init__(self) -> None:
        if self.status not in range(400, 600):
            raise FaultError(f"{self.status!r} is no error: an HTTP status of 400 to 599 is.")
        _not_negative(retry_after=self.retry_after or 0)


@dataclass(frozen=True)
class ContextOverflow(EarlyFault):
    """The error of a prompt that is too long for the model. Both numbers count tokens."""

    kind = "context_overflow"
    limit: int = 8192
    tokens: int = 8193


@dataclass(frozen=True)
class Delay(EarlyFault):
    """Nothing happens for so many seconds; then the answer comes as it would have."""

    kind = "delay"
    seconds: float

    def __post_init__(self) -> None:
        _not_negative(seconds=self.seconds)


@dataclass(frozen=True)
class Reset(Fault):
    """The connection breaks: before anything is sent, or in the middle."""

    kind = "reset"
    after: int | None = None

    def __post_init__(self) -> None:
        _not_negative(after=self.after or 0)

    @property
    def early(self) -> bool:
        """Whether nothing is asked at all."""
        return self.after is None

    def send(self, written: Written) -> Iterator[Part]:
        """Its beginning."""
        return chain(_beginning(written, self.after or 0), [Part(None)])


@dataclass(frozen=True)
class End(LateFault):
    """The stream ends as if it were complete, but without a finish reason and a last event."""

    kind = "end"

    def send(self, written: Written) -> Iterator[Part]:
        """Its beginning."""
        return _beginning(written, self.after)


@dataclass(frozen=True)
class Stall(LateFault):
    """Nothing more comes for so many seconds; None: until the client gives up."""

    kind = "stall"
    seconds: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _not_negative(seconds=self.seconds or 0)

    def send(self, written: Written) -> Iterator[Part]:
        """All of it, with a pause."""
        pause = inf if self.seconds is None else self.seconds
        first, *rest = _rest(written, self.after)
        return chain(_beginning(written, self.after), [replace(first, seconds=pause)], rest)


@dataclass(frozen=True)
class Malformed(LateFault):
    """An event is no JSON; the others come as they should."""

    kind = "malformed"

    def send(self, written: Written) -> Iterator[Part]:
        """All of it, with something in between."""
        broken = b'data: {"malformed\n\n' if written.streamed else b"\0"
        beginning, rest = _beginning(written, self.after), _rest(written, self.after)
        return chain(beginning, [Part(broken)], rest)


@dataclass(frozen=True)
class ErrorEvent(LateFault):
    """A stream that began with status 200 tells an error, and ends.

    The error is that of `Status`. Of a call that is not streamed, it is the answer.
    """

    kind = "error_event"
    status: int = 500
    code: str | None = None
    message: str | None = None
    retry_after: ClassVar[float | None] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        Status(self.status)


@dataclass(frozen=True)
class Pace(Fault):
    """As slow as a real model: `first` seconds until the first piece, then so many in a second.

    `jitter`: by what part the pauses between pieces vary: 0.5: from half to one and a half of what
    they would be. The same `seed`, the same pauses.
    """

    kind = "pace"
    first: float = 0.0
    tokens_per_second: float | None = None
    jitter: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        _not_negative(first=self.first)
        if self.tokens_per_second is not None and not 0 < self.tokens_per_second < inf:
            raise FaultError("tokens_per_second is more than 0.")
        if not 0 <= self.jitter <= 1:
            raise FaultError("jitter is from 0 to 1.")

    def pauses(self, count: int) -> list[float]:
        """Seconds before each of so many pieces."""
        dice = random.Random(self.seed)
        usual = 1 / self.tokens_per_second if self.tokens_per_second else 0.0
        varied = (usual * (1 + self.jitter * dice.uniform(-1, 1)) for _ in range(count - 1))
        return [self.first, *varied]

    def send(self, written: Written) -> Iterator[Part]:
        """All of it, piece by piece; or at once when the last piece would have come."""
        pauses = self.pauses(written.count)
        if not written.streamed:
            return iter([Part(b"".join(written.parts()), sum(pauses))])
        first, *later = pauses
        return map(Part, written.parts(), chain([first, 0.0], later, repeat(0.0)))


@dataclass(frozen=True)
class Length(LateFault):
    """The answer is cut off after so many pieces, as if `max_tokens` had been reached."""

    kind = "length"

    def change(self, result: Result) -> Result:
        """Its first pieces."""
        return _cut(result, self.after, "length")


@dataclass(frozen=True)
class ContentFilter(LateFault):
    """The answer is cut off after so many pieces, by OpenAI's filter of contents."""

    kind = "content_filter"

    def change(self, result: Result) -> Result:
        """Its first pieces."""
        return _cut(result, self.after, "content_filter")


@dataclass(frozen=True)
class TruncatedCall(Fault):
    """The last tool call's arguments end in the middle, as if `max_tokens` had been reached."""

    kind = "truncated_call"

    def change(self, result: Result) -> Result:
        """What was said until then."""
        if isinstance(result, EmbeddingResult) or not result.tool_calls:
            raise FaultError("TruncatedCall: the answer calls no tool.")
        *_, opened = (i for i, piece in enumerate(result.pieces) if piece.kind == "call")
        arguments = result.tool_calls[-1].arguments
        pieces = (
            *result.pieces[: opened + 1],
            Piece(arguments[: len(arguments) // 2], "arguments"),
        )
        return replace(result, pieces=pieces, finish_reason="length", completion_tokens=len(pieces))


def _beginning(written: Written, after: int) -> Iterator[Part]:
    return map(Part, (written.opening, *written.pieces[:after]))


def _rest(written: Written, after: int) -> Iterator[Part]:
    return map(Part, (*written.pieces[after:], written.closing))


def _cut(result: Result, after: int, why: FinishReason) -> GenerationResult:
    if isinstance(result, EmbeddingResult):
        raise FaultError("A vector can't be cut off.")
    pieces = result.pieces[:after]
    thought = sum(piece.kind == "reasoning" for piece in pieces)
    return replace(
        result,
        pieces=pieces,
        finish_reason=why,
        completion_tokens=len(pieces),
        reasoning_tokens=thought,
    )


def _not_negative(**numbers: float) -> None:
    for name, number in numbers.items():
        kind = int if name == "after" else int | float
        if not isinstance(number, kind) or not 0 <= number < inf:
            what = "a count" if name == "after" else "a finite number"
            raise FaultError(f"{name} is {what}, 0 at least, not {number!r}.")
