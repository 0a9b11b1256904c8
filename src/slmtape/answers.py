"""One answer on its way: what replay, stubs and HTTP hand to each other."""

import threading
from collections.abc import Callable
from typing import Literal

from slmtape.errors import ServerStopped, SlmtapeError
from slmtape.generation import GenerationResult, Piece, Request, Result
from slmtape.verify import Verdict

Source = Literal["cassette", "model", "stub"]
"""Who gives an answer: a recording, the model, or the test."""

SOURCES: tuple[Source, ...] = ("model", "cassette", "stub")
"""All of them, in the order in which they count where there are several."""


class Answer:
    """One answer on its way: pieces as they come, then `result` or `error`.

    `source`: who gives it. `verdict`: what came of verifying a recorded one, where it was.

    Whoever follows it leaves it again; an answer that nobody follows is stopped.
    """

    def __init__(self, request: Request, key: str, *, source: Source) -> None:
        self.request = request
        self.key = key
        self.source = source
        self.pieces: list[Piece] = []
        self.result: Result | None = None
        self.error: SlmtapeError | None = None
        self.verdict: Verdict | None = None
        self._followers: list[tuple[Callable[[], None], bool]] = []
        self._lock = threading.Lock()
        self._given_up: str | None = None

    @property
    def replayed(self) -> bool:
        """Whether it is a recorded one."""
        return self.source == "cassette"

    @property
    def abandoned(self) -> bool:
        """Whether nobody waits for it any more, or the server stops."""
        return self._given_up is not None

    @property
    def done(self) -> bool:
        """Whether nothing more will come."""
        return self.result is not None or self.error is not None

    def follow(self, wake: Callable[[], None], *, pieces: bool) -> None:
        """Have `wake` called, from the thread that generates, at the end and with `pieces` at each.

        Waking takes time from the cores that generate, so who needs no pieces is left asleep.
        """
        with self._lock:
            self._followers.append((wake, pieces))

    def leave(self, wake: Callable[[], None], *, pieces: bool) -> None:
        """Undo `follow`."""
        with self._lock:
            self._followers.remove((wake, pieces))
            if not self._followers:
                self.give_up("Nobody waits for this answer any more.")

    def give_up(self, why: str) -> None:
        """Stop it at its next piece."""
        self._given_up = self._given_up or why

    def say(self, piece: Piece) -> None:
        """Add a piece. Raises ServerStopped where it was given up."""
        if self._given_up:
            raise ServerStopped(self._given_up)
        if piece.text:
            self.pieces.append(piece)
            self._wake(done=False)

    def finish(self, outcome: Result | SlmtapeError) -> None:
        """Nothing more will come."""
        if isinstance(outcome, SlmtapeError):
            self.error = outcome
        else:
            self.result = outcome
        self._wake(done=True)

    def _wake(self, *, done: bool) -> None:
        with self._lock:
            followers = [wake for wake, pieces in self._followers if pieces or done]
        for wake in followers:
            wake()


def complete(request: Request, key: str, result: Result, source: Source) -> Answer:
    """An answer that is there already."""
    answer = Answer(request, key, source=source)
    answer.pieces.extend(pieces(result))
    answer.result = result
    return answer


def pieces(result: Result) -> tuple[Piece, ...]:
    """What was said, piece by piece; a vector has none."""
    return result.pieces if isinstance(result, GenerationResult) else ()
