"""HTTP on one side, a protocol and `replay` on the other. The only file that is async."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count, islice
from typing import Any
from urllib.parse import parse_qsl

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from slmtape.calls import Call, Calls
from slmtape.errors import ClientGone, RequestError, ServerStopped, SlmtapeError
from slmtape.generation import Piece, Result
from slmtape.protocols import Generates, Incoming, ParsedCall, Served, Tells, WireProtocol
from slmtape.replay import Answer, Replay

Headers = list[tuple[bytes, bytes]]

_JSON = (b"content-type", b"application/json")
_EVENTS = (b"content-type", b"text/event-stream; charset=utf-8")
_PREFLIGHT = {
    "access-control-allow-methods": "GET, POST, DELETE",
    "access-control-allow-headers": "*, Authorization",
    "access-control-max-age": "86400",
}
"""What a browser asks for before a page may call the API."""

# Asking again would get the same error; client libraries believe this header.
_FINAL = (b"x-should-retry", b"false")
_KEYS = 128
"""How many keys a header tells. Node's client takes 16 KB of headers."""


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
    failed: Callable[[SlmtapeError], None]
    max_body: int
    headers: Headers
    api_key: str | None = None
    memory: Any = None
    background: set[asyncio.Task[None]] = field(default_factory=set)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))


def create_app(context: Context) -> FastAPI:
    """The application of one server."""
    # Traces of the application under test are its own: ours would be spans that it did not make.
    silent: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}
    app = _App(openapi_url=None, docs_url=None, redoc_url=None, telemetry=silent)
    app.router.redirect_slashes = False
    app.router.routes[:] = [_route(endpoint, context) for endpoint in context.protocol.endpoints]
    protocol = context.protocol

    async def http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if request.method == "OPTIONS" and error.status_code == 405:
            preflight = Response(status_code=204, headers=_PREFLIGHT)
            preflight.raw_headers += _headers(context, time.perf_counter())
            return preflight
        told = protocol.wrong_method if error.status_code == 405 else protocol.no_such_path
        refusal = _refusal(context, told(request.method, request.url.path))
        refusal.headers.update(error.headers or {})
        return refusal

    async def bug(_: Request, error: Exception) -> Response:
        told = SlmtapeError(f"A mistake of slmtape's own: {type(error).__name__}: {error}")
        told.status, told.type = 500, "server_error"
        context.failed(told)
        return _refusal(context, told)

    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(Exception, bug)
    return app


class _App(FastAPI):
    """FastAPI with no more between a request and its endpoint than these endpoints need."""

    def build_middleware_stack(self) -> ASGIApp:
        handlers = dict(self.exception_handlers)
        bug = handlers.pop(Exception)
        return ServerErrorMiddleware(ExceptionMiddleware(self.router, handlers), bug)


def _route(endpoint: Generates | Tells, context: Context) -> BaseRoute:
    made = _Generation if isinstance(endpoint, Generates) else _Telling
    method = "POST" if isinstance(endpoint, Generates) else endpoint.method
    return Route(endpoint.path, made(endpoint, context), methods=[method])  # type: ignore[arg-type]


def _headers(context: Context, begun: float) -> Headers:
    """What every answer has. Ids are numbers, so that they are the same in the next run."""
    milliseconds = int(1000 * (time.perf_counter() - begun))
    return [
        *context.headers,
        (b"x-request-id", b"req_%032x" % next(context.numbers)),
        (b"openai-processing-ms", b"%d" % milliseconds),
    ]


def _refusal(context: Context, error: SlmtapeError, begun: float | None = None) -> Response:
    refusal = Response(context.protocol.error(error), status_code=error.status)
    headers = _headers(context, time.perf_counter() if begun is None else begun)
    refusal.raw_headers += [_JSON, _FINAL, *headers]
    return refusal


async def _incoming(scope: Scope, receive: Receive, context: Context) -> Incoming:
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


class _Telling:
    """An endpoint that answers at once, as an ASGI application."""

    def __init__(self, endpoint: Tells, context: Context) -> None:
        self._endpoint = endpoint
        self._context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun, context = time.perf_counter(), self._context
        try:
            told = self._endpoint.tell(await _incoming(scope, receive, context))
            response = Response(to_json(told))
            response.raw_headers += [_JSON, *_headers(context, begun)]
        except ClientGone:
            return
        except SlmtapeError as error:
            response = _refusal(context, error, begun)
        await response(scope, receive, send)


class _Generation:
    """An endpoint that answers by generating, as an ASGI application."""

    def __init__(self, endpoint: Generates, context: Context) -> None:
        self._endpoint = endpoint
        self._context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = _Exchange(scope, receive, send, self._context)
        try:
            await exchange.answer(self._endpoint)
        except ClientGone as gone:
            exchange.failed(gone)
        except SlmtapeError as raised:
            error = self._endpoint.reword(raised)
            exchange.failed(error, told=True)
            refusal = _refusal(self._context, error, exchange.begun)
            refusal.raw_headers += exchange.headers
            await refusal(scope, receive, send)
        except asyncio.CancelledError:
            exchange.failed(ServerStopped("The server was stopped."))
            raise
        except Exception as bug:
            exchange.failed(SlmtapeError(repr(bug)))
            raise


class _Exchange:
    """One HTTP call and its answer."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, context: Context) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._context = context
        self.begun = time.perf_counter()
        self._call = Call(scope["path"], time.time())
        self._replayed = False
        self._gone: SlmtapeError | None = None
        context.calls.add(self._call)

    async def answer(self, endpoint: Generates) -> None:
        """Send the whole answer. Raises SlmtapeError as long as nothing was sent."""
        asked = endpoint.parse(await _incoming(self._scope, self._receive, self._context))
        self._reword = endpoint.reword
        call = self._call
        call.requests, call.n, call.stream = tuple(asked.requests), asked.n, asked.stream
        answers = self._context.replay.answers(asked.requests, asked.n)
        call.keys = tuple(answer.key for answer in answers)
        self._replayed = all(answer.replayed for answer in answers)
        settled = all(answer.replayed and answer.done for answer in answers)
        if asked.background or not settled:
            self._changed = asyncio.Event()
        if asked.background:
            begun = self._in_background(asked, answers)
            if not asked.stream:
                await self._start(_JSON, len(begun))
                await self._send({"type": "http.response.body", "body": begun})
                return
        if settled:
            await self._send_whole(asked, answers)
            return
        async with self._following(answers, pieces=asked.stream):
            if asked.stream:
                await self._send_live(asked, answers)
            else:
                while not all(answer.done for answer in answers):
                    await self._change()
                await self._send_whole(asked, answers)

    def _in_background(self, asked: ParsedCall, answers: Sequence[Answer]) -> bytes:
        """Have the answers completed and kept whether the client waits or not."""
        background = self._context.background
        task = asyncio.get_running_loop().create_task(self._keep_when_done(asked, answers))
        background.add(task)
        task.add_done_callback(background.discard)

        def cancel() -> None:
            self._gone = RequestError("The response was cancelled.", code="response_cancelled")
            self._changed.set()
            task.cancel()

        return asked.begin(self._call.keys, cancel)

    async def _keep_when_done(self, asked: ParsedCall, answers: Sequence[Answer]) -> None:
        loop, changed = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(changed.set)

        for answer in answers:
            answer.follow(wake, pieces=False)
        try:
            while not all(answer.done for answer in answers):
                await changed.wait()
                changed.clear()
            self._complete(asked, answers)
        except asyncio.CancelledError:
            self.failed(self._gone or ServerStopped("The server was stopped."))
            raise
        except SlmtapeError as raised:
            error = self._reword(raised)
            self.failed(error, told=not asked.stream)  # a stream tells by itself
            asked.keep(self._call.keys, error)
        finally:
            for answer in answers:
                answer.leave(wake, pieces=False)

    def failed(self, error: SlmtapeError, *, told: bool = False) -> None:
        """Note that the call has no answer; also for `check`, where it is `told` to the client."""
        self._call.error = error
        self._call.seconds = time.perf_counter() - self.begun
        if told and not isinstance(error, RequestError | ServerStopped):
            self._context.failed(error)

    @property
    def headers(self) -> Headers:
        """What tells where the answer is recorded, as soon as that is known."""
        if not self._call.keys:
            return []
        return [
            (b"x-slmtape-replayed", b"true" if self._replayed else b"false"),
            (b"x-slmtape-key", ",".join(islice(dict.fromkeys(self._call.keys), _KEYS)).encode()),
        ]

    def _complete(self, asked: ParsedCall, answers: Sequence[Answer]) -> Sequence[Result]:
        """Note that the call has its answer; raises SlmtapeError where one of the choices failed.

        Before the last byte is sent: who has the answer may look at the call.
        """
        results = []
        for answer in answers:
            if answer.error:
                raise answer.error
            assert answer.result is not None
            results.append(answer.result)
        self._call.results = tuple(results)
        self._call.verdicts = tuple(answer.verdict for answer in answers if answer.verdict)
        asked.keep(self._call.keys, results)
        self._call.replayed = all(answer.replayed for answer in answers)
        self._call.seconds = time.perf_counter() - self.begun
        return results

    async def _send_whole(self, asked: ParsedCall, answers: Sequence[Answer]) -> None:
        """Send answers that are complete, in one go."""
        results = self._complete(asked, answers)
        if not asked.stream:
            body = asked.render(self._call.keys, results)
            await self._start(_JSON, len(body))
        else:
            events = asked.rendering(self._call.keys)
            said = [events.open()]  # before the pieces: events may be numbered
            for index, answer in enumerate(answers):
                said.extend(events.piece(index, piece) for piece in answer.pieces)
            body = "".join([*said, events.close(results)]).encode()
            await self._start(_EVENTS, len(body))
        await self._send({"type": "http.response.body", "body": body})

    async def _send_live(self, asked: ParsedCall, answers: Sequence[Answer]) -> None:
        """Send pieces as they come, one choice after the other, as a replay would."""
        while not (answers[0].pieces or answers[0].done):
            await self._change()
        if answers[0].error:
            raise answers[0].error
        events = asked.rendering(self._call.keys)
        await self._start(_EVENTS)
        await self._send_event(events.open())
        try:
            for index, answer in enumerate(answers):
                async for piece in self._pieces(answer):
                    await self._send_event(events.piece(index, piece))
            results = self._complete(asked, answers)
        except ClientGone:
            raise
        except SlmtapeError as raised:
            # The status is long sent: the error is an event.
            error = self._reword(raised)
            self.failed(error, told=True)
            asked.keep(self._call.keys, error)
            await self._send_event(events.error(error), more=False)
            return
        await self._send_event(events.close(results), more=False)

    async def _pieces(self, answer: Answer) -> AsyncIterator[Piece]:
        sent = 0
        while True:
            done = answer.done  # before looking: nothing comes after it
            for piece in answer.pieces[sent:]:
                sent += 1
                yield piece
            if done:
                return
            await self._change()

    async def _change(self) -> None:
        """Wait until there is more to see. Raises ClientGone, or what the client gave up with."""
        await self._changed.wait()
        self._changed.clear()
        if self._gone:
            raise self._gone

    @asynccontextmanager
    async def _following(self, answers: Sequence[Answer], *, pieces: bool) -> AsyncIterator[None]:
        """Be woken by the answers, and by the client's leaving."""
        loop = asyncio.get_running_loop()

        def wake() -> None:
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(self._changed.set)

        watch = loop.create_task(self._watch())
        for answer in answers:
            answer.follow(wake, pieces=pieces)
        try:
            yield
        finally:
            watch.cancel()
            for answer in answers:
                answer.leave(wake, pieces=pieces)

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone = self._gone or ClientGone()
        self._changed.set()

    async def _start(self, kind: tuple[bytes, bytes], length: int | None = None) -> None:
        headers = [kind, *_headers(self._context, self.begun), *self.headers]
        if length is not None:
            headers.append((b"content-length", str(length).encode()))
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})

    async def _send_event(self, event: str, *, more: bool = True) -> None:
        await self._send({"type": "http.response.body", "body": event.encode(), "more_body": more})
