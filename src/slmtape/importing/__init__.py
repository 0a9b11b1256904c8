"""What other tools recorded, as recordings. A file here knows one format; `answers/` the answers.

Nothing here touches the disk: texts come in, recordings and complaints go out.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One HTTP exchange that somebody recorded.

    `place` says where in its file it is. Bodies are not compressed. `content_type` and
    `retry_after` are headers of the answer, empty where there were none.
    """

    place: str
    method: str
    url: str
    request: bytes
    status: int
    response: bytes
    content_type: str = ""
    retry_after: str = ""


@dataclass(frozen=True, slots=True)
class Left:
    """What was not carried over: where it is, what it is, and why not.

    `partly`: all the rest of it was.
    """

    place: str
    what: str
    why: str
    partly: bool = False


class NotThisFormat(ValueError):
    """A text is not what its reader reads; the message is a sentence."""
