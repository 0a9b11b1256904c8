"""Fixtures of aimock: recordings where they tell what was asked, stubs where they only hint at it.

A fixture is found by the last message of the user and some hints. One that aimock recorded at the
beginning of a conversation, without instructions and tools, tells all of the request but its
parameters. Of any other there is the line of Python that makes a stub of it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from slmtape.generation import (
    EmbeddingRequest,
    EmbeddingResult,
    GenerationRequest,
    Message,
    ModelFile,
    Recording,
    Request,
    Result,
)
from slmtape.importing import Left, NotThisFormat, aimock_stubs
from slmtape.importing.aimock_stubs import Stub
from slmtape.importing.answers.embeddings import vector
from slmtape.importing.answers.said import Said, counted
from slmtape.importing.exchanges import NO_FILE, Imported
from slmtape.keys import json_text, key

_WHOLE = {"userMessage", "model", "turnIndex", "hasToolResult"}
"""What the recorder tells of the first turn of a chat that has neither instructions nor tools."""

_OTHERS = {
    "image": "an image",
    "images": "images",
    "audio": "audio",
    "transcription": "a transcription",
    "video": "a video",
    "json": "JSON of another API",
    "live": "a live session",
}
"""Answers that are none of a language model's."""

_BESIDE = {
    "latency": "server.fault(faults.Delay(seconds))",
    "streamingProfile": "server.fault(faults.Pace(first=…, tokens_per_second=…))",
    "truncateAfterChunks": "server.fault(faults.Reset(after=…))",
    "disconnectAfterMs": "server.fault(faults.Reset(after=…))",
    "chaos": "server.fault(…, probability=…)",
}
"""What fixtures say of how they are sent, and how to ask for that here."""


@dataclass(frozen=True, slots=True)
class Fixture:
    """A fixture as it is written."""

    place: str
    match: Mapping[str, Any]
    response: Mapping[str, Any]
    beside: Mapping[str, Any]


def is_fixtures(document: Any) -> bool:
    """Whether this looks like a file of aimock's."""
    return isinstance(document, dict) and isinstance(document.get("fixtures"), list)


def imported(document: Any, model: str) -> Iterator[Imported | Stub | Left]:
    """What each fixture becomes, in their order. `model` is the one that recordings are of.

    Raises NotThisFormat.
    """
    if not is_fixtures(document):
        raise NotThisFormat("It has no list of `fixtures`.")
    stubs: dict[str, Stub] = {}
    for number, written in enumerate(document["fixtures"], 1):
        place = f"fixture {number}"
        try:
            fixture = _fixture(written, place)
            yield from _beside(fixture)
            yield from _carried(fixture, model, stubs)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            yield Left(place, "a fixture", f"It is not as aimock writes them: {error!r}.")
    yield from stubs.values()


def _fixture(written: Mapping[str, Any], place: str) -> Fixture:
    match, response = written["match"], written["response"]
    given = {name: value for name, value in match.items() if value is not None}
    return Fixture(place, given, response, {**written, "match": None, "response": None})


def _beside(fixture: Fixture) -> Iterator[Left]:
    for name, instead in _BESIDE.items():
        if fixture.beside.get(name):
            yield Left(fixture.place, f"its `{name}`", f"Ask for it: {instead}", partly=True)


def _carried(fixture: Fixture, model: str, stubs: dict[str, Stub]) -> Iterator[Imported | Left]:
    for name, what in _OTHERS.items():
        if name in fixture.response:
            yield Left(fixture.place, what, "Only texts, calls and vectors are answered.")
            return
    request = _request(fixture, model)
    if request is not None:
        recording = _recording(request, _result(fixture, request), fixture)
        yield Imported(fixture.place, recording)
        return
    yield from aimock_stubs.hints(fixture.place, fixture.match)
    stub = aimock_stubs.stub(fixture.place, fixture.match, fixture.response)
    first = stubs.get(stub.asked) if "sequenceIndex" in fixture.match else None
    if first:
        first.answers.extend(stub.answers)
    else:
        stubs[stub.asked] = stub


def _request(fixture: Fixture, model: str) -> Request | None:
    """What was asked, if the fixture tells all of it."""
    match, response = fixture.match, fixture.response
    if match.get("endpoint") == "embedding" and "embedding" in response:
        return EmbeddingRequest(model=model, input=str(match["inputText"]))
    whole = match.keys() <= _WHOLE and match.get("turnIndex") == 0 and "userMessage" in match
    if not whole or fixture.beside.get("metadata") or not _says(response):
        return None
    return GenerationRequest(model=model, messages=(Message("user", str(match["userMessage"])),))


def _says(response: Mapping[str, Any]) -> bool:
    """Whether the answer is a text: calls have no place where there are no tools."""
    return "content" in response and not (response.get("toolCalls") or response.get("blocks"))


def _result(fixture: Fixture, request: Request) -> Result:
    if isinstance(request, EmbeddingRequest):
        counted_words = len(request.user_text.split())
        numbers = vector(fixture.response["embedding"])
        return EmbeddingResult(vector=numbers, prompt_tokens=counted_words)
    response = fixture.response
    content = response.get("content") or ""
    said = Said(
        reasoning=[response.get("reasoning") or ""],
        text=[content if isinstance(content, str) else json_text(content)],
        finish_reason=response.get("finishReason") or "stop",
    )
    return said.result(aimock_stubs.usage(response) or counted([request.user_text], [said]))


def _recording(request: Request, result: Result, fixture: Fixture) -> Recording:
    by = str(fixture.match.get("model") or "")
    return Recording(
        key=key(request),
        model=ModelFile(request.model, "imported", NO_FILE),
        request=request,
        result=result,
        made_with={"imported_from": "aimock", **({"answered_by": by} if by else {})},
    )
