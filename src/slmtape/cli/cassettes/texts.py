"""The texts of a recording and their places, each put together from what it was cut into."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any, NamedTuple

from slmtape.generation import GenerationResult, Recording

_APART = {"model", "role", "id", "tool_call_id", "tool_choice"}
"""What is not said by anybody."""


class Place(NamedTuple):
    """A text, and where it is: `messages[2].content` of the request, `text` of the answer."""

    path: str
    text: str


def texts(recording: Recording) -> Iterator[Place]:
    """Every text of the request, then of the answer. Schemas, arguments are JSON text."""
    yield from _walk(recording.request)
    result = recording.result
    if isinstance(result, GenerationResult):
        for name in ("reasoning", "text", "refusal", "tool_calls"):
            yield from _walk(getattr(result, name), name)


def _walk(value: Any, path: str = "") -> Iterator[Place]:
    if isinstance(value, str):
        if value:
            yield Place(path, value)
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _walk(item, f"{path}[{index}]")
    elif is_dataclass(value):
        for field in fields(value):
            where = f"{path}.{field.name}" if path else field.name
            inner = getattr(value, field.name)
            if field.name == "extras":
                yield from (Place(f"{where}.{name}", text) for name, text in inner)
            elif field.name not in _APART:
                yield from _walk(inner, where)
