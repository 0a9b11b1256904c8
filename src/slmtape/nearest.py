"""The recorded request most like one that was not found, and how the two differ."""

import difflib
from collections.abc import Mapping, Set

from slmtape.contrast import common, contrasts, flat
from slmtape.generation import EmbeddingRequest, Request
from slmtape.keys import canonical

_FINALISTS = 12
_EXCERPT = 60
_COMPARED = 400


def nearest(request: Request, recorded: Mapping[str, Request]) -> tuple[str, Request] | None:
    """Where the most similar recording is, and its request; None where nothing is recorded."""
    wanted = words(request)
    rough = sorted(
        recorded.items(),
        key=lambda item: (-overlap(wanted, words(item[1])), item[0]),
    )[:_FINALISTS]
    return max(rough, key=lambda item: _likeness(request, item[1]), default=None)


def differences(asked: Request, recorded: Request) -> list[str]:
    """One line for each field that differs: `field: recorded value → asked value`."""
    return [str(one) for one in contrasts(canonical(recorded), canonical(asked))]


def likeness(one: Request, other: Request) -> float:
    """How alike two requests are, in fields and words: 0 to 1."""
    return _likeness(one, other)[0] / 2


def words(request: Request) -> Set[str]:
    """What a request is made of: its fields, and the words of its texts."""
    return _fields(request) | set(_text(request).split())


def overlap(one: Set[str], other: Set[str]) -> float:
    """How much of their `words` two requests share: 0 to 1. Much quicker than `likeness`."""
    return len(one & other) / (len(one | other) or 1)


def _likeness(one: Request, other: Request) -> tuple[float, float]:
    """How many fields and words they share; where that is equal, how many characters."""
    mine, theirs = _text(one), _text(other)
    words = difflib.SequenceMatcher(a=mine.split(), b=theirs.split(), autojunk=False).ratio()
    start = max(0, common(mine, theirs) - _EXCERPT)
    mine, theirs = mine[start : start + _COMPARED], theirs[start : start + _COMPARED]
    characters = difflib.SequenceMatcher(a=mine, b=theirs, autojunk=False).ratio()
    return words + overlap(_fields(one), _fields(other)), characters


def _text(request: Request) -> str:
    if isinstance(request, EmbeddingRequest):
        return str(request.input)
    return "\n".join(message.content for message in request.messages) or str(request.prompt)


def _fields(request: Request) -> set[str]:
    return {f"{name}={value}" for name, value in flat(canonical(request)).items()}
