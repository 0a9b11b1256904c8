"""Texts of recordings as a terminal can show them: whatever a model said, it stays text."""

import re

_HIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Characters that would move a terminal's cursor, change its colours or the direction of text."""


def visible(text: str) -> str:
    """The text with characters that can't be seen as what they are called; line breaks stay."""
    return _HIDDEN.sub(lambda found: ascii(found[0])[1:-1], text)


def line(text: str) -> str:
    """The text in one line, however it was broken."""
    return visible(" ".join(text.split()))


def counted(count: int, what: str) -> str:
    """A count with what was counted, as people write it: "1 recording", "2,000 recordings"."""
    return f"{count:,} {what}{'s' * (count != 1)}"
