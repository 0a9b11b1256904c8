"""What the application of one server works with, and what all its answers have in common."""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from starlette.responses import Response

from slmtape.calls import Calls
from slmtape.errors import SlmtapeError
from slmtape.happening import Happenings
from slmtape.protocols import Served, WireProtocol
from slmtape.replay import Replay
from slmtape.stubs import Stubs

Headers = list[tuple[bytes, bytes]]

JSON = (b"content-type", b"application/json")
BREAK = "slmtape.break"
"""The name in a scope's `extensions` of what breaks its connection."""
WIRE = "slmtape.wire"
"""The same of the connection itself, as calls know it."""

# Asking again would get the same error; client libraries believe this header.
FINALLY: Headers = [(b"x-should-retry", b"false")]


@dataclass(frozen=True, slots=True)
class Context:
    """What the application works with.

    `api_key` is what clients must know, None: nothing. `failed` is told of errors that are not
    the client's; `max_body` is in bytes. `background` holds what is generated for clients that
    come back for it.
    """

    protocol: WireProtocol
    served: Served
    replay: Replay
    calls: Calls
    stubs: Stubs
    faults: Happenings
    failed: Callable[[SlmtapeError], None]
    max_body: int
    headers: Headers
    api_key: str | None = None
    memory: Any = None
    background: set[asyncio.Task[None]] = field(default_factory=set)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))


def headers(context: Context, begun: float) -> Headers:
    """What every answer has. Ids are numbers, so that they are the same in the next run."""
    milliseconds = int(1000 * (time.perf_counter() - begun))
    return [
        *context.headers,
        (b"x-request-id", b"req_%032x" % next(context.numbers)),
        (b"openai-processing-ms", b"%d" % milliseconds),
    ]


def refused(
    context: Context, error: SlmtapeError, begun: float | None = None, more: Headers = FINALLY
) -> Response:
    """The answer that says an error; `more` is what its headers have besides those of all."""
    refusal = Response(context.protocol.error(error), status_code=error.status)
    since = time.perf_counter() if begun is None else begun
    names = {name for name, _ in more}
    usual = [header for header in headers(context, since) if header[0] not in names]
    refusal.raw_headers += [JSON, *more, *usual]
    return refusal
