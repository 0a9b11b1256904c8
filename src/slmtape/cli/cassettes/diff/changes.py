"""What changed between two sets of recordings: which, and what in them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from slmtape.contrast import Contrast, contrasts
from slmtape.generation import EmbeddingRequest, Recording, Request
from slmtape.keys import canonical, key
from slmtape.nearest import likeness, overlap, words
from slmtape.stores.cassettes import recording_file

_NEAR = 0.5
"""How alike two requests are that are taken for one before and after a change."""

_FINALISTS = 3
_MOST_PAIRS = 250_000
"""Pairs that are looked at; among more, only those that share all but the model or parameters."""


class Kind(StrEnum):
    """What became of a recording, in the order in which it is told."""

    DAMAGED = "damaged"
    CHANGED = "changed"
    RERECORDED = "re-recorded"
    REMOVED = "removed"
    ADDED = "added"


@dataclass(frozen=True, slots=True)
class Found:
    """A file of one side: its name below the directory, and its recording or what is wrong."""

    name: str
    recording: Recording | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What became of a recording: None on the side where it is not.

    `request`, `answer` and `made_with` are the places in which they differ.
    """

    kind: Kind
    before: Found | None = None
    after: Found | None = None
    request: Sequence[Contrast] = ()
    answer: Sequence[Contrast] = ()
    made_with: Sequence[Contrast] = ()

    @property
    def name(self) -> str:
        """The file's name, as it is now if it still is."""
        return self.found.name

    @property
    def found(self) -> Found:
        """It as it is now, or as it was where it is no more."""
        there = self.after or self.before
        assert there
        return there


def changes(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> list[Change]:
    """What differs between the files of two sides, texts by name, in the order of kinds."""
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    old = [_read(name, before[name]) for name in names if name in before]
    new = [_read(name, after[name]) for name in names if name in after]
    damaged = {one.name: one for one in new if isinstance(one.recording, str)}
    found = [
        *(Change(kind=Kind.DAMAGED, after=one) for one in damaged.values()),
        *_compared([one for one in _sound(old) if one.name not in damaged], _sound(new)),
    ]
    return sorted(found, key=lambda change: (list(Kind).index(change.kind), change.name))


def compare(before: Found, after: Found) -> Change | None:
    """What differs between two recordings, as one that became the other; None: nothing."""
    one, other = _recording(before), _recording(after)
    request = contrasts(canonical(one.request), canonical(other.request))
    change = Change(
        kind=Kind.RERECORDED if request else Kind.CHANGED,
        before=before,
        after=after,
        request=request,
        answer=_answers(one, other),
        made_with=contrasts(_made_with(one), _made_with(other)),
    )
    return change if one != other else None


def answer(recording: Recording) -> dict[str, Any]:
    """What is answered, as JSON values for people: without how it is cut, and numbers."""
    written = recording_file.write_result(recording.result)
    shown = {name: value for name, value in written.items() if not name.endswith("pieces")}
    for call in shown.get("tool_calls", ()):
        call.pop("pieces", None)
    return shown


def _read(name: str, text: bytes) -> Found:
    try:
        return Found(name, recording_file.read(text.decode()))
    except ValueError as error:
        return Found(name, str(error))


def _sound(found: Sequence[Found]) -> list[Found]:
    return [one for one in found if isinstance(one.recording, Recording)]


def _recording(found: Found) -> Recording:
    assert isinstance(found.recording, Recording)
    return found.recording


def _compared(old: Sequence[Found], new: Sequence[Found]) -> Iterator[Change]:
    """Recordings with the same key; then those that are near each other; then the rest."""
    before, after = ({_recording(one).key: one for one in side} for side in (old, new))
    for name in before.keys() & after.keys():
        change = compare(before.pop(name), after.pop(name))
        if change:
            yield change
    for one, other in _pairs(before, after):
        change = compare(one, other)
        if change:
            yield change
    yield from (Change(kind=Kind.REMOVED, before=one) for one in before.values())
    yield from (Change(kind=Kind.ADDED, after=one) for one in after.values())


def _pairs(old: dict[str, Found], new: dict[str, Found]) -> Iterator[tuple[Found, Found]]:
    """Recordings of requests that are near each other, by key; what is paired leaves its dict."""
    for alike in (_but_for_the_model, _but_for_parameters):
        yield from _taken(_alike(old, new, alike), old, new)
    if len(old) * len(new) <= _MOST_PAIRS:
        yield from _taken(_near(old, new), old, new)


def _taken(
    pairs: Sequence[tuple[str, str]], old: dict[str, Found], new: dict[str, Found]
) -> Iterator[tuple[Found, Found]]:
    """The pairs of which neither was taken before."""
    for one, other in pairs:
        if one in old and other in new:
            yield old.pop(one), new.pop(other)


def _alike(
    old: Mapping[str, Found], new: Mapping[str, Found], alike: Callable[[Request], str]
) -> list[tuple[str, str]]:
    """Pairs of which `alike` says the same."""
    there: dict[str, list[str]] = {}
    for name, one in old.items():
        there.setdefault(alike(_recording(one).request), []).append(name)
    waiting = {name: there.get(alike(_recording(other).request), []) for name, other in new.items()}
    return [(names.pop(0), name) for name, names in waiting.items() if names]


def _but_for_the_model(request: Request) -> str:
    return key(replace(request, model=""))


def _but_for_parameters(request: Request) -> str:
    if isinstance(request, EmbeddingRequest):
        return f"embedding of {request.input!r}"
    return repr((request.messages, request.prompt, request.seed))


def _near(old: Mapping[str, Found], new: Mapping[str, Found]) -> list[tuple[str, str]]:
    """Pairs that are near enough, nearest first."""
    requests = {name: _recording(one).request for name, one in old.items()}
    known = {name: words(request) for name, request in requests.items()}
    scored = []
    for name, one in new.items():
        request = _recording(one).request
        wanted = words(request)
        rough = sorted(known, key=lambda other: (-overlap(wanted, known[other]), other))
        for other in rough[:_FINALISTS]:
            near = likeness(requests[other], request)
            if near >= _NEAR and type(request) is type(requests[other]):
                scored.append((-near, other, name))
    return [(one, other) for _, one, other in sorted(scored)]


def _answers(before: Recording, after: Recording) -> list[Contrast]:
    """What was said differs; or else only how it was cut, or numbers beside it."""
    one, other = answer(before), answer(after)
    numbers = [side.pop(name, None) for name in ("logprobs", "embedding") for side in (one, other)]
    found = contrasts(one, other)
    for name, (was, now) in (("logprobs", numbers[:2]), ("embedding", numbers[2:])):
        if was != now:
            found.append(Contrast(name, was and "numbers", now and "other numbers"))
    if not found and before.result != after.result:
        found.append(Contrast("pieces", "cut one way", "cut another way"))
    return found


def _made_with(recording: Recording) -> dict[str, str]:
    model = recording.model
    return {"model.file": model.file, "model.sha256": model.sha256, **recording.made_with}
