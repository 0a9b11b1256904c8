"""HTTP on one side; a protocol, stubs, faults and `replay` on the other. All that is async."""

import time

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

from slmtape.app.context import JSON, Context, headers, refused
from slmtape.app.exchange import Generation
from slmtape.app.incoming import incoming
from slmtape.errors import ClientGone, SlmtapeError
from slmtape.protocols import Generates, Tells

_PREFLIGHT = {
    "access-control-allow-methods": "GET, POST, DELETE",
    "access-control-allow-headers": "*, Authorization",
    "access-control-max-age": "86400",
}
"""What a browser asks for before a page may call the API."""


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
            preflight.raw_headers += headers(context, time.perf_counter())
            return preflight
        told = protocol.wrong_method if error.status_code == 405 else protocol.no_such_path
        refusal = refused(context, told(request.method, request.url.path))
        refusal.headers.update(error.headers or {})
        return refusal

    async def bug(_: Request, error: Exception) -> Response:
        told = SlmtapeError(f"A mistake of slmtape's own: {type(error).__name__}: {error}")
        told.status, told.type = 500, "server_error"
        context.failed(told)
        return refused(context, told)

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
    made = Generation if isinstance(endpoint, Generates) else _Telling
    method = "POST" if isinstance(endpoint, Generates) else endpoint.method
    return Route(endpoint.path, made(endpoint, context), methods=[method])  # type: ignore[arg-type]


class _Telling:
    """An endpoint that answers at once, as an ASGI application."""

    def __init__(self, endpoint: Tells, context: Context) -> None:
        self._endpoint = endpoint
        self._context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun, context = time.perf_counter(), self._context
        try:
            told = self._endpoint.tell(await incoming(scope, receive, context))
            response = Response(to_json(told))
            response.raw_headers += [JSON, *headers(context, begun)]
        except ClientGone:
            return
        except SlmtapeError as error:
            response = refused(context, error, begun)
        await response(scope, receive, send)
