"""From bytes of tokens to pieces of text: whole characters, and nothing of a stop sequence."""

import codecs
from collections.abc import Sequence


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
        self.hit = False

    def add(self, text: str) -> str:
        """What may be said now. After a stop sequence was met (`hit`): nothing more."""
        text = self._held + text
        met = [where for stop in self._stops if (where := text.find(stop)) >= 0]
        if met:
            self.hit = True
            self._held = ""
            return text[: min(met)]
        safe = len(text) - max((_overlap(text, stop) for stop in self._stops), default=0)
        self._held = text[safe:]
        return text[:safe]

    def end(self) -> str:
        """What was held back in vain."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, stop: str) -> int:
    """How many characters at the end of `text` begin `stop`."""
    return next(
        (size for size in range(min(len(stop), len(text)), 0, -1) if text.endswith(stop[:size])), 0
    )
