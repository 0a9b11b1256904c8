"""Chat completions that were asked for with `store`, as long as their server lives."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from slmtape.errors import RequestError
from slmtape.generation import GenerationRequest
from slmtape.keys import json_text
from slmtape.protocols import Incoming
from slmtape.protocols.openai import errors
from slmtape.protocols.openai.chat_body import Body
from slmtape.protocols.openai.chat_messages import WireMessage
from slmtape.protocols.openai.metadata import Metadata
from slmtape.protocols.openai.metadata import check as check_metadata
from slmtape.protocols.openai.pages import page
from slmtape.protocols.openai.wire import Strict, read


@dataclass(frozen=True, slots=True)
class StoredCompletion:
    """A `chat.completion` with its `metadata`, and the messages that it answers."""

    answer: dict[str, Any]
    messages: list[dict[str, Any]]


StoredCompletions = dict[str, StoredCompletion]
"""By id, in the order of their storing."""

TimesAsked = Counter[tuple[GenerationRequest, int, str]]
"""How often a completion was to be stored: by its request, its `n`, and its labels."""


class Update(Strict):
    """The body that changes a stored completion."""

    metadata: Metadata | None


def storing(completions: StoredCompletions, body: Body) -> Callable[[dict[str, Any]], None]:
    """What stores the answer to this body."""

    def store(answer: dict[str, Any]) -> None:
        where = answer["id"]
        messages = [
            _message(message, f"{where}-{index}") for index, message in enumerate(body.messages)
        ]
        completions[where] = StoredCompletion(answer, messages)

    return store


def mark(asked: TimesAsked, request: GenerationRequest, body: Body) -> str:
    """What tells a stored answer from others of the same recordings; it is counted in `asked`.

    Its model, its metadata, its seed (one that was not given may be recorded like one that was),
    and how often the same was asked for before.
    """
    labels = json_text([body.model, request.seed, sorted((body.metadata or {}).items())])
    same = (request, body.n, labels)
    asked[same] += 1
    before = asked[same] - 1
    return f"{labels}{before or ''}"


def listing(incoming: Incoming) -> dict[str, Any]:
    """`GET /v1/chat/completions`: those of a `model`, with this `metadata[name]`, page by page."""
    query = incoming.query
    labels = {name: name[len("metadata[") : -1] for name in query if _is_label(name)}
    answers = [
        stored.answer
        for stored in incoming.memory.completions.values()
        if query.get("model", stored.answer["model"]) == stored.answer["model"]
        and all(stored.answer["metadata"].get(labels[name]) == query[name] for name in labels)
    ]
    return page(answers, query, order="asc", known=("model", *labels))


def one(incoming: Incoming) -> dict[str, Any]:
    """`GET /v1/chat/completions/{id}`."""
    return _found(incoming).answer


def messages(incoming: Incoming) -> dict[str, Any]:
    """`GET /v1/chat/completions/{id}/messages`: what was asked, page by page."""
    return page(_found(incoming).messages, incoming.query, order="asc", known=())


def update(incoming: Incoming) -> dict[str, Any]:
    """`POST /v1/chat/completions/{id}`: other `metadata`."""
    stored = _found(incoming)
    given = errors.read_object(incoming.body, incoming.content_type)
    metadata = read(Update, given, "").metadata
    check_metadata(metadata or {})
    answer = {**stored.answer, "metadata": metadata or {}}
    incoming.memory.completions[answer["id"]] = StoredCompletion(answer, stored.messages)
    return answer


def delete(incoming: Incoming) -> dict[str, Any]:
    """`DELETE /v1/chat/completions/{id}`."""
    where = _found(incoming).answer["id"]
    del incoming.memory.completions[where]
    return {"object": "chat.completion.deleted", "id": where, "deleted": True}


def _found(incoming: Incoming) -> StoredCompletion:
    completions: Mapping[str, StoredCompletion] = incoming.memory.completions
    where = incoming.path["id"]
    if where not in completions:
        raise RequestError(
            f"Chat completion with id '{where}' not found. Only what this server answered, and "
            "what was asked for with 'store': true, can be asked for again.",
            status=404,
        )
    return completions[where]


def _is_label(name: str) -> bool:
    return name.startswith("metadata[") and name.endswith("]")


def _message(message: WireMessage, where: str) -> dict[str, Any]:
    """A message as it is told again: the text of its parts, and the parts that can be told."""
    told = message.model_dump(exclude_none=True)
    content = told.get("content")
    parts = content if isinstance(content, list) else None
    if parts is not None:
        content = "\n".join(part["text"] for part in parts if part["type"] == "text")
        parts = [part for part in parts if part["type"] in ("text", "image_url")]
    return {"name": None, **told, "id": where, "content": content, "content_parts": parts}
