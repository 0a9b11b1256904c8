"""uvicorn in a thread, behind a socket that listens before it starts."""

import asyncio
import concurrent.futures
import os
import re
import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from slmtape.app.context import BREAK, WIRE
from slmtape.call import Wire
from slmtape.errors import ConfigurationError


class _HTTP11(HttpToolsProtocol):
    """HTTP/1.1 that overhears offers of another protocol, as a server may (RFC 9110, 7.8).

    Java's client makes one with each first request, and httptools would drop that request's body.
    """

    _OFFER = re.compile(rb"\r\nupgrade:", re.IGNORECASE)

    def data_received(self, data: bytes) -> None:
        end = data.find(b"\r\n\r\n")
        if end >= 0 and self._OFFER.search(data, 0, end):
            data = self._OFFER.sub(b"\r\nx-upgrade:", data[:end]) + data[end:]
        super().data_received(data)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._wire = Wire()
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._wire.closed = time.time()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {BREAK: self._break, WIRE: self._wire}  # type: ignore[dict-item]

    def _break(self, abruptly: bool) -> None:
        """Close the connection; `abruptly`: with a reset, which drops what was not yet sent."""
        if abruptly:
            linger = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
            connection = self.transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.transport.abort()
        else:
            self.transport.close()


_PATIENCE = 10.0
"""Seconds to wait for the thread."""

_TURNS = 10
"""How often its loop goes round from a client's leaving to whoever is told of that."""


_SOON = 0.3
"""Seconds in which a busy machine tells that a connection was closed."""


async def _turns(waits: Callable[[], bool]) -> None:
    for _ in range(_TURNS):
        await asyncio.sleep(0)
    until = time.monotonic() + _SOON
    while waits() and time.monotonic() < until:
        await asyncio.sleep(0.005)


class HTTPServer(uvicorn.Server):
    """uvicorn in a thread, which stops at once instead of within the next tenths of a second."""

    def __init__(self, app: Callable[..., object], listener: socket.socket) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=_HTTP11,
                lifespan="off",
                log_config=None,
                access_log=False,
                ws="none",
                # Without a clock in it, an answer is the same bytes every time.
                date_header=False,
                server_header=False,
                proxy_headers=False,
                # A client that reuses a connection must not find it closed.
                timeout_keep_alive=3600,
            )
        )
        self._listener = listener
        self._ready = threading.Event()
        self._thread = threading.Thread(
            target=self._serve_forever, name=f"slmtape-{listener.getsockname()[1]}", daemon=True
        )
        self._thread.start()
        self._ready.wait()

    def settle(self, waits: Callable[[], bool] = lambda: False) -> None:
        """Let it notice what has happened, such as that a client has left.

        As long as something `waits`, it has a little more time for that.
        """
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            settled = asyncio.run_coroutine_threadsafe(_turns(waits), self._loop)
            with suppress(TimeoutError, concurrent.futures.CancelledError):
                settled.result(_PATIENCE)

    def stop(self) -> None:
        """End the thread. Requests that are still being answered are cut off.

        Where a test's own function waits in it, for a stub, it is left to itself.
        """
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(_PATIENCE)

    def _serve_forever(self) -> None:
        try:
            with asyncio.Runner(loop_factory=self.config.get_loop_factory()) as runner:
                self._loop = runner.get_loop()
                runner.run(self.serve(sockets=[self._listener]))
        finally:
            self._ready.set()

    async def main_loop(self) -> None:
        self._stopping = asyncio.Event()
        self._ready.set()
        await self._stopping.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002
        for server in self.servers:
            server.close()
        for task in list(self.server_state.tasks):
            task.cancel()
        await asyncio.gather(*self.server_state.tasks, return_exceptions=True)
        for connection in list(self.server_state.connections):
            connection.transport.close()
        self._listener.close()


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there; port 0: any that is free. Raises ConfigurationError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only for sockets that name their protocol.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except (OSError, OverflowError, TypeError, ValueError) as error:
        listener.close()
        raise ConfigurationError(f"Can't listen on {host}:{port}: {error}") from error
    return listener
