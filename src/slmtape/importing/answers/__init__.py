"""What was answered, as results. A file here reads the answers of one path of the OpenAI API."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from slmtape.generation import Result
from slmtape.importing import Exchange


class Unreadable(ValueError):
    """An answer can't become a recording; the message is a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer as results: one for each request of its call, or `n`, in their order.

    `model` is the name that answered. `lost` says in words what recordings can't hold of it.
    `output` are the items of a response, as they were told.
    """

    results: Sequence[Result]
    model: str = ""
    lost: Sequence[str] = ()
    output: Sequence[dict[str, Any]] = ()
    id: str = ""


def told(exchange: Exchange) -> list[dict[str, Any]]:
    """The JSON objects of an answer: one, or those of a stream. Raises Unreadable."""
    text = exchange.response.decode("utf-8", errors="replace")
    if not text.strip():
        raise Unreadable("Its answer is empty.")
    streamed = "event-stream" in exchange.content_type or text.startswith(("data:", "event:", ":"))
    texts = list(_events(text)) if streamed else [text]
    try:
        objects = [json.loads(one) for one in texts]
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"Its answer is not JSON: {error}.") from error
    if not objects or not all(isinstance(one, dict) for one in objects):
        raise Unreadable("Its answer is no JSON object.")
    for one in objects:
        if one.get("error"):
            raise Unreadable(f"It ended with an error: {_message(one['error'])}")
    return objects


def _events(stream: str) -> Iterator[str]:
    """The data of server-sent events, without the last."""
    for event in stream.replace("\r\n", "\n").split("\n\n"):
        lines = [line[5:].strip() for line in event.split("\n") if line.startswith("data:")]
        data = "\n".join(lines)
        if data and data != "[DONE]":
            yield data


def _message(error: Any) -> str:
    return str(error.get("message", error) if isinstance(error, dict) else error)
