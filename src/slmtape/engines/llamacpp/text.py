"""From bytes of tokens to pieces: whole characters, and nothing of a stop sequence."""

import codecs
from collections.abc import Sequence

from slmtape.generation import Piece, Token


class Characters:
    """Joins the bytes of tokens into whole characters."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def add(self, token: bytes) -> str:
        """The characters that are complete with these bytes."""
        return self._decoder.decode(token)

    def end(self) -> str:
        """What an incomplete character leaves: U+FFFD, or nothing."""
        return self._decoder.decode(b"", final=True)


class StopSequences:
    """Lets text pass up to the first stop sequence, holding back what may be its beginning."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = stops
        self._held = ""
        self.met: str | None = None
        """The stop sequence that was met."""

    def add(self, text: str) -> str:
        """What may be said now. After a stop sequence was met: nothing more."""
        if not self._stops:
            return text
        text = self._held + text
        where, stop = min(
            ((at, stop) for stop in self._stops if (at := text.find(stop)) >= 0), default=(0, None)
        )
        if stop is not None:
            self.met = stop
            self._held = ""
            return text[:where]
        safe = len(text) - max((_overlap(text, stop) for stop in self._stops), default=0)
        self._held = text[safe:]
        return text[:safe]

    def end(self) -> str:
        """What was held back in vain."""
        held, self._held = self._held, ""
        return held


class Pieces:
    """Pieces of text up to the first stop sequence, each with the tokens that end in it."""

    def __init__(self, stops: Sequence[str], *, strip: bool = False) -> None:
        """`strip`: white space at the beginning is left out."""
        self._stops = StopSequences(stops)
        self._strip = strip
        self._waiting: list[tuple[int, Token]] = []
        self._came = self._passed = 0

    @property
    def met(self) -> str | None:
        """The stop sequence that was met."""
        return self._stops.met

    def add(self, text: str, token: Token | None) -> Piece:
        """What may be said now; perhaps nothing."""
        if self._strip:
            text = text.lstrip()
            if not text:
                return Piece()
            self._strip = False
        self._came += len(text)
        if token:
            self._waiting.append((self._came, token))
        return self._piece(self._stops.add(text))

    def end(self) -> Piece:
        """What was held back in vain."""
        return self._piece(self._stops.end())

    def _piece(self, text: str) -> Piece:
        self._passed += len(text)
        if not self._waiting or not text:
            return Piece(text)
        ended = tuple(token for end, token in self._waiting if end <= self._passed)
        del self._waiting[: len(ended)]
        return Piece(text, tokens=ended)


def _overlap(text: str, stop: str) -> int:
    """How many characters at the end of `text` begin `stop`."""
    return next(
        (size for size in range(min(len(stop), len(text)), 0, -1) if text.endswith(stop[:size])), 0
    )
