"""What a server was asked, and what came of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

from slmtape.answers import Source
from slmtape.errors import SlmtapeError
from slmtape.faults import Fault
from slmtape.generation import GenerationResult, Request, Result
from slmtape.verify import Verdict


@dataclass(slots=True)
class Call:
    """One HTTP call.

    `requests` is what was asked, empty where the body made no sense. `results` has one result for
    each choice, once they are complete; `keys` is what they are recorded under, `verdicts` what
    came of comparing them with what the model says now, in mode `verify`. `replayed` is
    True where all of them were replayed, False where a model said any, None where there are none.
    `started` is in seconds since the epoch, `seconds` the time until the call was answered or
    refused.
    """

    path: str
    started: float
    requests: tuple[Request, ...] = ()
    n: int = 1
    stream: bool = False
    keys: tuple[str, ...] = ()
    results: tuple[Result, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    error: SlmtapeError | None = None
    model: str = ""
    source: Source | None = None
    fault: Fault | None = None
    seconds: float | None = None

    @property
    def replayed(self) -> bool | None:
        """True where all answers were recorded, False where a model gave any; else None."""
        return {"cassette": True, "model": False}.get(self.source or "")

    @property
    def request(self) -> Request | None:
        """What was asked; the first of it where a body asks more than one thing."""
        return self.requests[0] if self.requests else None

    @property
    def text(self) -> str | None:
        """The first choice's text, once it is complete."""
        first = self.results[0] if self.results else None
        return first.text if isinstance(first, GenerationResult) else None


class Calls(Sequence[Call]):
    """All calls of a server, in the order in which they came."""

    def __init__(self) -> None:
        self._calls: list[Call] = []

    @property
    def last(self) -> Call:
        """The latest. Raises IndexError where there was none."""
        return self._calls[-1]

    def add(self, call: Call) -> None:
        """A call came in."""
        self._calls.append(call)

    def clear(self) -> None:
        """Forget them."""
        self._calls.clear()

    def __len__(self) -> int:
        return len(self._calls)

    def __iter__(self) -> Iterator[Call]:
        return iter(tuple(self._calls))

    @overload
    def __getitem__(self, index: int) -> Call: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Call]: ...
    def __getitem__(self, index: int | slice) -> Call | Sequence[Call]:
        return self._calls[index]

    def __repr__(self) -> str:
        return f"Calls({self._calls!r})"
