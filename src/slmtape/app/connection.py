"""What is sent to one client, and what is waited for while it stays."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from math import inf
from typing import NoReturn

from starlette.types import Receive, Scope, Send

from slmtape.answers import Answer
from slmtape.app.context import BREAK, Headers
from slmtape.errors import ClientGone, SlmtapeError
from slmtape.faults import Part

_REST = 0.02
"""Seconds for which the pieces of a stream are left to gather."""


class Broken(Exception):
    """The connection was broken, as a test asked."""


class Connection:
    """One HTTP call's way back to its client."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._changed = asyncio.Event()
        self._gone: SlmtapeError | None = None
        self._resting = False

    async def start(self, headers: Headers, length: int | None = None) -> None:
        """Begin an answer with status 200, of so many bytes."""
        if length is not None:
            headers = [*headers, (b"content-length", str(length).encode())]
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})

    async def send(self, body: bytes, *, more: bool = False) -> None:
        """Go on with it; `more`: that is not all."""
        await self._send({"type": "http.response.body", "body": body, "more_body": more})

    async def send_parts(
        self, headers: Headers, parts: Iterable[Part], ended: Callable[[], object]
    ) -> None:
        """Send a whole answer in its time, which begins with its first part.

        Before the client can know that it has ended, that is told. Raises Broken.
        """
        started = False
        for part in parts:
            await self.pause(part.seconds)
            if not started:
                await self.start(headers)
                started = True
            if part.content is None:
                ended()
                await self.break_off(abruptly=False)
            await self.send(part.content, more=True)
        ended()
        await self.send(b"")

    async def break_off(self, *, abruptly: bool) -> NoReturn:
        """Break the connection; `abruptly`: with a reset instead of an end."""
        self._scope["extensions"][BREAK](abruptly)
        while (await self._receive())["type"] != "http.disconnect":
            pass
        raise Broken

    @asynccontextmanager
    async def following(self, answers: Sequence[Answer], *, pieces: bool) -> AsyncIterator[None]:
        """Be woken by the answers, and by the client's leaving."""
        loop = asyncio.get_running_loop()

        def wake() -> None:
            if self._resting and not any(answer.done for answer in answers):
                return
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

    async def change(self) -> None:
        """Wait until there is more to see. Raises ClientGone, or what `give_up` was told."""
        await self._changed.wait()
        self._changed.clear()
        if self._gone:
            raise self._gone

    async def rest(self) -> None:
        """Wait for a moment, or until an answer is complete; raises as `change` does.

        Pieces that come meanwhile wake nobody: that takes time from the cores that generate.
        """
        self._resting = True
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(_REST):
                    await self.change()
        finally:
            self._resting = False

    async def all_done(self, answers: Sequence[Answer]) -> None:
        """Wait until all are complete; raises as `change` does."""
        while not all(answer.done for answer in answers):
            await self.change()

    async def pause(self, seconds: float) -> None:
        """Wait so long; raises as `change` does."""
        if seconds:
            with suppress(TimeoutError):
                async with asyncio.timeout(None if seconds == inf else seconds):
                    while True:
                        await self.change()

    def give_up(self, error: SlmtapeError) -> None:
        """Have whoever waits raise this."""
        self._gone = self._gone or error
        self._changed.set()

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.give_up(ClientGone())
