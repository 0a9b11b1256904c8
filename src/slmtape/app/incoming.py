"""An HTTP call as a protocol takes it: its body read, its key looked at."""

from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope

from slmtape.app.context import Context
from slmtape.errors import ClientGone, RequestError
from slmtape.protocols import Incoming


async def incoming(scope: Scope, receive: Receive, context: Context) -> Incoming:
    """The call, its body read. Raises ClientGone, RequestError."""
    headers = dict(scope["headers"])
    body = await _body(receive, context.max_body)
    if context.api_key is not None:
        given = headers.get(b"authorization")
        context.protocol.authorize(given and given.decode("latin-1"), context.api_key)
    return Incoming(
        context.served,
        body,
        headers.get(b"content-type", b"").decode("latin-1"),
        scope["path_params"],
        _query(scope["query_string"]),
        context.memory,
    )


def _query(raw: bytes) -> Mapping[str, str]:
    return dict(parse_qsl(raw.decode("latin-1"), keep_blank_values=True)) if raw else {}


async def _body(receive: Receive, limit: int) -> bytes:
    size, parts = 0, []
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        size += len(message["body"])
        # What is too much is still read: a client that can't send on sees no error.
        parts.append(message["body"] if size <= limit else b"")
        more = message["more_body"]
    if size > limit:
        raise RequestError(
            f"The request body has {size} bytes; at most {limit} are taken.",
            code="request_too_large",
            status=413,
        )
    return b"".join(parts)
