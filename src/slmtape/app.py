"""HTTP on one side, a protocol and `replay` on the other. The only file that is async."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from starlette.exceptions import HTTPException
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from slmtape.calls import Call, Calls
from slmtape.errors import ClientGone, RequestError, ServerStopped, SlmtapeError
from slmtape.generation import GenerationResult, Piece
from slmtape.protocols import Generates, ParsedCall, Served, Tells, WireProtocol
from slmtape.replay import Answer, Replay

_JSON = b"application/json"
_EVENTS = b"text/event-stream; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Context:
    """What the application works with.

    `failed` is told of errors that are not the client's; `max_body` is in bytes.
    """

    protocol: WireProtocol
    served: Served
    replay: Replay
    calls: Calls
    failed: Callable[[SlmtapeError], None]
    max_body: int


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
        told = protocol.wrong_method if error.status_code == 405 else protocol.no_such_path
        refusal = _refusal(protocol, told(request.method, request.url.path))
        refusal.headers.update(error.headers or {})
        return refusal

    async def bug(_: Request, error: Exception) -> Response:
        told = SlmtapeError(f"A mistake of slmtape's own: {type(error).__name__}: {error}")
        told.status, told.type = 500, "server_error"
        context.failed(told)
        return _refusal(protocol, told)

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
    if isinstance(endpoint, Generates):
        return Route(endpoint.path, _Generation(endpoint, context), methods=["POST"])

    async def tell(request: Request) -> Response:
        try:
            told = endpoint.tell(context.served, request.path_params)
        except SlmtapeError as error:
            return _refusal(context.protocol, error)
        return Response(json.dumps(told, ensure_ascii=False), media_type="application/json")

    return Route(endpoint.path, tell, methods=["GET"])


def _refusal(protocol: WireProtocol, error: SlmtapeError) -> Response:
    # Asking again would get the same error; client libraries believe this header.
    return Response(
        protocol.error(error),
        status_code=error.status,
        media_type="application/json",
        headers={"x-should-retry": "false"},
    )


class _Generation:
    """An endpoint that answers by generating, as an ASGI application."""

    def __init__(self, endpoint: Generates, context: Context) -> None:
        self._endpoint = endpoint
        self._context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = _Exchange(scope, receive, send, self._context)
        try:
            await exchange.answer(self._endpoint)
        except ClientGone as error:
            exchange.failed(error)
        except SlmtapeError as error:
            exchange.failed(error)
            if not isinstance(error, RequestError):
                self._context.failed(error)
            await _refusal(self._context.protocol, error)(scope, receive, send)
        except asyncio.CancelledError:
            exchange.failed(ServerStopped("The server was stopped."))
            raise
        except Exception as error:
            exchange.failed(SlmtapeError(repr(error)))
            raise


class _Exchange:
    """One HTTP call and its answer."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, context: Context) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._context = context
        self._begun = time.perf_counter()
        self._call = Call(scope["path"], time.time())
        self._gone = False
        context.calls.add(self._call)

    async def answer(self, endpoint: Generates) -> None:
        """Send the whole answer. Raises SlmtapeError as long as nothing was sent."""
        content_type = next(
            (value for name, value in self._scope["headers"] if name == b"content-type"), b""
        )
        body = await self._body()
        asked = endpoint.parse(body, content_type.decode("latin-1"), self._context.served)
        call = self._call
        call.request, call.n, call.stream = asked.request, asked.n, asked.stream
        answers = self._context.replay.answers(asked.request, asked.n)
        call.keys = tuple(answer.key for answer in answers)
        if all(answer.replayed for answer in answers):
            await self._send_whole(asked, answers)
            return
        async with self._following(answers, pieces=asked.stream):
            if asked.stream:
                await self._send_live(asked, answers)
            else:
                while not all(answer.done for answer in answers):
                    await self._change()
                await self._send_whole(asked, answers)

    def failed(self, error: SlmtapeError) -> None:
        """Note that the call has no answer."""
        self._call.error = error
        self._call.seconds = time.perf_counter() - self._begun

    def _complete(self, answers: Sequence[Answer]) -> Sequence[GenerationResult]:
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
        self._call.replayed = all(answer.replayed for answer in answers)
        self._call.seconds = time.perf_counter() - self._begun
        return results

    async def _body(self) -> bytes:
        limit, size, parts = self._context.max_body, 0, []
        more = True
        while more:
            message = await self._receive()
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

    async def _send_whole(self, asked: ParsedCall, answers: Sequence[Answer]) -> None:
        """Send answers that are complete, in one go."""
        results = self._complete(answers)
        if not asked.stream:
            body = asked.render(self._call.keys, results)
            await self._start(_JSON, len(body))
        else:
            events = asked.rendering(self._call.keys)
            pieces = [
                events.piece(index, piece)
                for index, result in enumerate(results)
                for piece in result.pieces
            ]
            body = "".join([events.open(), *pieces, events.close(results)]).encode()
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
            results = self._complete(answers)
        except ClientGone:
            raise
        except SlmtapeError as error:
            # The status is long sent: the error is an event.
            self.failed(error)
            self._context.failed(error)
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
        """Wait until there is more to see. Raises ClientGone."""
        await self._changed.wait()
        self._changed.clear()
        if self._gone:
            raise ClientGone

    @asynccontextmanager
    async def _following(self, answers: Sequence[Answer], *, pieces: bool) -> AsyncIterator[None]:
        """Be woken by the answers, and by the client's leaving."""
        loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()

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
        self._gone = True
        self._changed.set()

    async def _start(self, content_type: bytes, length: int | None = None) -> None:
        headers = [(b"content-type", content_type)]
        if length is not None:
            headers.append((b"content-length", str(length).encode()))
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})

    async def _send_event(self, event: str, *, more: bool = True) -> None:
        await self._send({"type": "http.response.body", "body": event.encode(), "more_body": more})
