"""Responses that a server remembers: told, listed, cancelled and deleted."""

from typing import Any

from slmtape.errors import RequestError
from slmtape.protocols import Incoming
from slmtape.protocols.openai import errors
from slmtape.protocols.openai.pages import page
from slmtape.protocols.openai.responses_state import StoredResponse

_KNOWN = ("include", "include_obfuscation", "starting_after", "stream")


def one(incoming: Incoming) -> dict[str, Any]:
    """A response as it is now. Raises RequestError."""
    for name in incoming.query:
        if name.partition("[")[0] not in _KNOWN:
            raise errors.unknown(name)
    if incoming.query.get("stream", "false").lower() not in ("false", "0", ""):
        raise RequestError(
            "A stored response can't be streamed by this server. Ask for it without 'stream'.",
            param="stream",
            code="unsupported_parameter",
        )
    return _stored(incoming).body


def delete(incoming: Incoming) -> dict[str, Any]:
    """Forget a response. Raises RequestError."""
    stored = _stored(incoming)
    del incoming.memory.responses[stored.body["id"]]
    return {"id": stored.body["id"], "object": "response", "deleted": True}


def cancel(incoming: Incoming) -> dict[str, Any]:
    """End a response that is made in the background; a finished one is told as it is."""
    stored = _stored(incoming)
    if not stored.body["background"]:
        raise RequestError("Cannot cancel a synchronous response.")
    if stored.cancel is not None and stored.body["status"] == "in_progress":
        # First of all: what ends the making may tell that it ended.
        stored.body = stored.body | {"status": "cancelled"}
        stored.cancel()
    return stored.body


def input_items(incoming: Incoming) -> dict[str, Any]:
    """What a response answers, those of earlier turns included. Raises RequestError."""
    return page(_stored(incoming).items, incoming.query)


def _stored(incoming: Incoming) -> StoredResponse:
    name = incoming.path["response_id"]
    stored: StoredResponse | None = incoming.memory.responses.get(name)
    if stored is None:
        raise RequestError(f"Response with id '{name}' not found.", status=404)
    return stored
