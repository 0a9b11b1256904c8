"""What is told of changes, whoever reads it: what was asked and answered, and what differs."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slmtape.cli.cassettes.diff.changes import Change, Found, Kind, answer
from slmtape.cli.cassettes.diff.words import Span, excerpts, spans
from slmtape.cli.visible import visible
from slmtape.contrast import Contrast, flat
from slmtape.generation import Recording

_LONGEST = 500
"""Characters that are told of a text that is only on one side."""


@dataclass(frozen=True, slots=True)
class Line:
    """A place in a request or an answer, and what is told of it."""

    label: str
    spans: Sequence[Span]


def lines(contrasts: Sequence[Contrast]) -> list[Line]:
    """What differs: of texts the words, of anything else both values."""
    return [Line(one.path, _spans(one)) for one in contrasts]


def content(recording: Recording) -> list[Line]:
    """What a recording holds, where there is nothing to compare it with."""
    said = {"asked": recording.request.user_text, **flat(_answered(recording))}
    return [Line(name, [Span("same", _short(str(value)))]) for name, value in said.items() if value]


def problem(found: Found) -> str:
    """What is wrong with a damaged file."""
    return visible(found.recording) if isinstance(found.recording, str) else ""


def title(change: Change) -> str:
    """The file, and what became of it."""
    before, after = change.before, change.after
    renamed = before and after and before.name != after.name
    name = f"{before.name} → {after.name}" if renamed and before and after else change.name
    return f"{visible(name)}: {change.kind}"


def noteworthy(change: Change) -> bool:
    """Whether there is more to it than what it was made with."""
    return change.kind is not Kind.CHANGED or bool(change.answer)


def made_with(changes: Sequence[Change]) -> Iterator[tuple[int, Sequence[Contrast]]]:
    """How many recordings differ in what they were made with, and in what: many differ alike."""
    shared = Counter(tuple(map(_told, change.made_with)) for change in changes if change.made_with)
    for told, count in shared.most_common():
        yield count, [Contrast(*one) for one in told]


def summary(changes: Sequence[Change]) -> str:
    """How many there are of each kind, in a sentence."""
    counts = Counter(change.kind for change in changes)
    told = [f"{counts[kind]} {kind}" for kind in Kind if counts[kind]]
    if not told:
        return "No recording differs."
    return f"{len(changes)} recording{'s' * (len(changes) != 1)}: {', '.join(told)}."


def _told(contrast: Contrast) -> tuple[str, Any, Any]:
    return contrast.path, contrast.before, contrast.after


def _answered(recording: Recording) -> Mapping[str, Any]:
    said = answer(recording)
    said.pop("usage", None)
    said.pop("logprobs", None)
    if "embedding" in said:
        said["embedding"] = "a vector"
    if said.get("finish_reason") == "stop":
        del said["finish_reason"]
    return said


def _spans(contrast: Contrast) -> list[Span]:
    before, after = contrast.before, contrast.after
    if isinstance(before, str) and isinstance(after, str):
        return [Span(one.kind, visible(one.text)) for one in excerpts(spans(before, after))]
    told = [Span("removed", _value(before))] if before is not None else []
    return [*told, Span("added", _value(after))] if after is not None else told


def _value(value: Any) -> str:
    return visible(_short(value if isinstance(value, str) else repr(value)))


def _short(text: str) -> str:
    return visible(text) if len(text) <= _LONGEST else f"{visible(text[:_LONGEST])}…"
