"""The recorded request most like one that was not found, and how the two differ."""

import difflib
from collections.abc import Mapping
from typing import Any

from slmtape.generation import EmbeddingRequest, Request
from slmtape.keys import canonical

_FINALISTS = 12
_EXCERPT = 60
_COMPARED = 400


def nearest(request: Request, recorded: Mapping[str, Request]) -> tuple[str, Request] | None:
    """Where the most similar recording is, and its request; None where nothing is recorded."""
    wanted = _words(request)
    rough = sorted(
        recorded.items(),
        key=lambda item: (-_overlap(wanted, _words(item[1])), item[0]),
    )[:_FINALISTS]
    return max(rough, key=lambda item: _likeness(request, item[1]), default=None)


def differences(asked: Request, recorded: Request) -> list[str]:
    """One line for each field that differs: `field: recorded value → asked value`."""
    before, after = _flat(canonical(recorded)), _flat(canonical(asked))
    return [
        f"{path}: {_contrast(before.get(path), after.get(path))}"
        for path in dict.fromkeys([*before, *after])
        if before.get(path) != after.get(path)
    ]


def _words(request: Request) -> set[str]:
    return _fields(request) | set(_text(request).split())


def _overlap(one: set[str], other: set[str]) -> float:
    return len(one & other) / (len(one | other) or 1)


def _likeness(one: Request, other: Request) -> tuple[float, float]:
    """How many fields and words they share; where that is equal, how many characters."""
    mine, theirs = _text(one), _text(other)
    words = difflib.SequenceMatcher(a=mine.split(), b=theirs.split(), autojunk=False).ratio()
    start = max(0, _common(mine, theirs) - _EXCERPT)
    mine, theirs = mine[start : start + _COMPARED], theirs[start : start + _COMPARED]
    characters = difflib.SequenceMatcher(a=mine, b=theirs, autojunk=False).ratio()
    return words + _overlap(_fields(one), _fields(other)), characters


def _text(request: Request) -> str:
    if isinstance(request, EmbeddingRequest):
        return str(request.input)
    return "\n".join(message.content for message in request.messages) or str(request.prompt)


def _fields(request: Request) -> set[str]:
    return {f"{name}={value}" for name, value in _flat(canonical(request)).items()}


def _flat(value: Any, path: str = "") -> dict[str, Any]:
    match value:
        case dict():
            parts = [(f"{path}.{name}" if path else name, part) for name, part in value.items()]
        case list():
            parts = [(f"{path}[{index}]", part) for index, part in enumerate(value)]
        case _:
            return {path: value}
    if not parts:
        return {path: value} if path else {}
    return {name: leaf for where, part in parts for name, leaf in _flat(part, where).items()}


def _contrast(before: Any, after: Any) -> str:
    if isinstance(before, str) and isinstance(after, str):
        return _excerpts(before, after)
    return f"{_shown(before)} → {_shown(after)}"


def _shown(value: Any) -> str:
    if value is None:
        return "not given"
    text = repr(value)
    return text if len(text) <= _EXCERPT else f"{text[:_EXCERPT]}…"


def _excerpts(before: str, after: str) -> str:
    """Both texts from a little before the first character that differs."""
    common = _common(before, after)
    start = 0 if common <= _EXCERPT // 2 else common - _EXCERPT // 3
    return " → ".join(
        ("…" if start else "")
        + repr(text[start : start + _EXCERPT])
        + ("…" if len(text) > start + _EXCERPT else "")
        for text in (before, after)
    )


def _common(one: str, other: str) -> int:
    """How many characters both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(one), len(other)))
