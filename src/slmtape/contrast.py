"""How two JSON values differ, in lines that people read."""

from dataclasses import dataclass
from typing import Any

_EXCERPT = 60


@dataclass(frozen=True, slots=True)
class Contrast:
    """A place where two JSON values differ. None: there is nothing in it."""

    path: str
    before: Any
    after: Any

    def __str__(self) -> str:
        """One line: `path: before → after`, long texts from where they begin to differ."""
        before, after = self.before, self.after
        if isinstance(before, str) and isinstance(after, str):
            return f"{self.path}: {_excerpts(before, after)}"
        return f"{self.path}: {_shown(before)} → {_shown(after)}"


def contrasts(before: Any, after: Any) -> list[Contrast]:
    """Every leaf that differs."""
    one, other = flat(before), flat(after)
    return [
        Contrast(path, one.get(path), other.get(path))
        for path in dict.fromkeys([*one, *other])
        if one.get(path) != other.get(path)
    ]


def flat(value: Any, path: str = "") -> dict[str, Any]:
    """The leaves of a JSON value by their paths, such as `messages[0].content`."""
    match value:
        case dict():
            parts = [(f"{path}.{name}" if path else name, part) for name, part in value.items()]
        case list():
            parts = [(f"{path}[{index}]", part) for index, part in enumerate(value)]
        case _:
            return {path: value}
    if not parts:
        return {path: value} if path else {}
    return {name: leaf for where, part in parts for name, leaf in flat(part, where).items()}


def common(one: str, other: str) -> int:
    """How many characters both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(one), len(other)))


def _shown(value: Any) -> str:
    if value is None:
        return "not given"
    text = repr(value)
    return text if len(text) <= _EXCERPT else f"{text[:_EXCERPT]}…"


def _excerpts(before: str, after: str) -> str:
    """Both texts from a little before the first character that differs."""
    same = common(before, after)
    start = 0 if same <= _EXCERPT // 2 else same - _EXCERPT // 3
    return " → ".join(
        ("…" if start else "")
        + repr(text[start : start + _EXCERPT])
        + ("…" if len(text) > start + _EXCERPT else "")
        for text in (before, after)
    )
