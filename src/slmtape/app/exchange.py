"""One HTTP call that is answered by generating, from its request to its last byte."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from itertools import islice

from starlette.types import Receive, Scope, Send

from slmtape import faults
from slmtape.answers import SOURCES, Answer, Source, complete
from slmtape.app.connection import Broken, Connection
from slmtape.app.context import FINALLY, JSON, WIRE, Context, Headers, headers, refused
from slmtape.app.incoming import incoming
from slmtape.call import Call
from slmtape.errors import (
    ClientGone,
    ContextLengthExceeded,
    RequestError,
    ServerStopped,
    SlmtapeError,
)
from slmtape.faults import Fault, Written
from slmtape.generation import Piece, Result
from slmtape.protocols import Generates, ParsedCall

_EVENTS = (b"content-type", b"text/event-stream; charset=utf-8")
_KEYS = 128
"""How many keys a header tells. Node's client takes 16 KB of headers."""


class Generation:
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
        except Broken:
            exchange.ended()
        except SlmtapeError as raised:
            error = self._endpoint.reword(raised)
            asked_for = raised is exchange.asked_for
            exchange.failed(error, told=not asked_for)
            more = exchange.failure_headers if asked_for else FINALLY
            refusal = refused(self._context, error, exchange.begun, [*more, *exchange.marks])
            await refusal(scope, receive, send)
        except asyncio.CancelledError:
            await exchange.stop()
        except Exception as bug:
            exchange.failed(SlmtapeError(repr(bug)))
            raise


class _Exchange:
    """One HTTP call and its answer."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, context: Context) -> None:
        self._scope = scope
        self._receive = receive
        self._client = Connection(scope, receive, send)
        self._context = context
        self.begun = time.perf_counter()
        self._call = Call(scope["path"], time.time(), wire=scope["extensions"][WIRE])
        self._source: Source | None = None
        self._fault: Fault | None = None
        self._cancelled: SlmtapeError | None = None
        self.asked_for: SlmtapeError | None = None
        """The error that a test asked for."""
        context.calls.add(self._call)

    async def answer(self, endpoint: Generates) -> None:
        """Send the whole answer. Raises SlmtapeError as long as nothing was sent."""
        asked = endpoint.parse(await incoming(self._scope, self._receive, self._context))
        self._reword = endpoint.reword
        call, context = self._call, self._context
        call.requests, call.n, call.stream = tuple(asked.requests), asked.n, asked.stream
        call.model = asked.model
        fault = context.faults.fault(asked.requests, asked.model, early=asked.background)
        self._fault = call.fault = fault
        if fault and fault.early:
            context.stubs.meet(asked.requests, asked.model)
            await self._fail_early(fault)
        answers = self._answers(asked)
        call.keys = tuple(answer.key for answer in answers)
        self._source = _source(answers)
        settled = all(answer.source != "model" and answer.done for answer in answers)
        if asked.background:
            begun = self._in_background(asked, answers)
            if not asked.stream:
                await self._start(JSON, len(begun))
                await self._client.send(begun)
                return
        if fault and not fault.early:
            await self._send_faulty(asked, answers, fault)
            return
        if settled:
            await self._send_whole(asked, answers)
            return
        async with self._client.following(answers, pieces=asked.stream):
            if asked.stream:
                await self._send_live(asked, answers)
            else:
                await self._client.all_done(answers)
                await self._send_whole(asked, answers)

    def _answers(self, asked: ParsedCall) -> Sequence[Answer]:
        """What the test, the cassette or the model answers. Raises SlmtapeError."""
        stubs, replay = self._context.stubs, self._context.replay
        if not stubs:
            return replay.answers(asked.requests, asked.n)
        stubbed = [stubs.answer(request, asked.model) for request in asked.requests]
        pairs = zip(asked.requests, stubbed, strict=True)
        others = iter(replay.answers([request for request, stub in pairs if not stub], asked.n))
        answers: list[Answer] = []
        for stub in stubbed:
            answers += [stub] * asked.n if stub else islice(others, asked.n)
        return answers

    async def _fail_early(self, fault: Fault) -> None:
        """Let a fault happen before anything is asked. Raises what it comes to."""
        match fault:
            case faults.Delay():
                async with self._client.following([], pieces=False):
                    await self._client.pause(fault.seconds)
            case faults.ContextOverflow():
                raise ContextLengthExceeded(limit=fault.limit, tokens=fault.tokens)
            case faults.Reset():
                self.ended()  # before the client can know
                await self._client.break_off(abruptly=True)
            case faults.Status():
                raise self._failure(fault)

    def _failure(self, fault: faults.Status | faults.ErrorEvent) -> SlmtapeError:
        """The error that the API gives with this status."""
        error = self._context.protocol.failure(fault.status, fault.code)
        error.message = error.message if fault.message is None else fault.message
        self.asked_for = error
        return error

    @property
    def failure_headers(self) -> Headers:
        """What clients are told of an error that a test asked for."""
        assert isinstance(self._fault, faults.Status | faults.ErrorEvent)
        status, after = self._fault.status, self._fault.retry_after
        told = self._context.protocol.failure_headers(status, after)
        return [(name.encode(), value.encode()) for name, value in told.items()]

    def _in_background(self, asked: ParsedCall, answers: Sequence[Answer]) -> bytes:
        """Have the answers completed and kept whether the client waits or not."""
        background = self._context.background
        task = asyncio.get_running_loop().create_task(self._keep_when_done(asked, answers))
        background.add(task)
        task.add_done_callback(background.discard)
        cancelled = RequestError("The response was cancelled.", code="response_cancelled")

        def cancel() -> None:
            self._cancelled = cancelled
            self._client.give_up(cancelled)
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
            self.failed(self._cancelled or ServerStopped("The server was stopped."))
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

    async def stop(self) -> None:
        """The server stops, and whoever waits is cut off."""
        self.failed(ServerStopped("The server was stopped."))
        with suppress(Broken):
            await self._client.break_off(abruptly=False)

    def ended(self) -> None:
        """Note that nothing more is sent."""
        self._call.seconds = time.perf_counter() - self.begun

    @property
    def marks(self) -> Headers:
        """What tells where the answer is from, as soon as that is known, and what befalls it."""
        told: Headers = []
        if self._fault:
            told.append((b"x-slmtape-fault", self._fault.kind.encode()))
        if self._source == "stub":
            told.append((b"x-slmtape-stub", b"true"))
        elif self._source:
            replayed = b"true" if self._source == "cassette" else b"false"
            keys = ",".join(islice(dict.fromkeys(self._call.keys), _KEYS)).encode()
            told += [(b"x-slmtape-replayed", replayed), (b"x-slmtape-key", keys)]
        return told

    def _complete(self, asked: ParsedCall, answers: Sequence[Answer]) -> Sequence[Result]:
        """Note that the call has its answer; raises SlmtapeError where one of the choices failed.

        Before the last byte is sent: who has the answer may look at the call.
        """
        results = [_result(answer) for answer in answers]
        self._call.results = tuple(results)
        self._call.verdicts = tuple(answer.verdict for answer in answers if answer.verdict)
        asked.keep(self._call.keys, results)
        self._call.source = _source(answers)
        self._call.seconds = time.perf_counter() - self.begun
        return results

    async def _send_whole(self, asked: ParsedCall, answers: Sequence[Answer]) -> None:
        """Send answers that are complete, in one go."""
        results = self._complete(asked, answers)
        body = b"".join(self._written(asked, answers, results).parts())
        await self._start(_EVENTS if asked.stream else JSON, len(body))
        await self._client.send(body)

    async def _send_faulty(
        self, asked: ParsedCall, answers: Sequence[Answer], fault: Fault
    ) -> None:
        """Send answers, when they are complete, in the way of a fault.

        Then what a model said is recorded, also where the connection breaks.
        """
        async with self._client.following(answers, pieces=False):
            await self._client.all_done(answers)
            if isinstance(fault, faults.ErrorEvent):
                await self._send_error(asked, answers, fault)
                return
            answers = [_changed(answer, fault) for answer in answers]
            results = self._complete(asked, answers)
            self._call.seconds = None  # it goes on
            written = self._written(asked, answers, results)
            headers = self._headers(_EVENTS if asked.stream else JSON)
            await self._client.send_parts(headers, fault.send(written), self.ended)

    async def _send_error(
        self, asked: ParsedCall, answers: Sequence[Answer], fault: faults.ErrorEvent
    ) -> None:
        """Send the beginning of a stream, then an error; where there is no stream, raise it."""
        for answer in answers:
            _result(answer)
        error = self._reword(self._failure(fault))
        if not asked.stream:
            raise error
        events = asked.rendering(self._call.keys)
        said = [events.open()]
        pieces = [(index, piece) for index, one in enumerate(answers) for piece in one.pieces]
        said += [events.piece(index, piece) for index, piece in pieces[: fault.after]]
        self.failed(error)
        asked.keep(self._call.keys, error)
        await self._start(_EVENTS)
        await self._client.send("".join([*said, events.error(error)]).encode())

    def _written(
        self, asked: ParsedCall, answers: Sequence[Answer], results: Sequence[Result]
    ) -> Written:
        """The whole answer in bytes."""
        count = sum(len(answer.pieces) for answer in answers)
        if not asked.stream:
            body = asked.render(self._call.keys, results)
            half = len(body) // 2
            return Written(body[:half], (), body[half:], count, streamed=False)
        events = asked.rendering(self._call.keys)
        opening = events.open().encode()  # before the pieces: events may be numbered
        pieces = tuple(
            events.piece(index, piece).encode()
            for index, answer in enumerate(answers)
            for piece in answer.pieces
        )
        return Written(opening, pieces, events.close(results).encode(), count, streamed=True)

    async def _send_live(self, asked: ParsedCall, answers: Sequence[Answer]) -> None:
        """Send pieces as they come, one choice after the other, as a replay would."""
        while not (answers[0].pieces or answers[0].done):
            await self._client.change()
        if answers[0].error:
            raise answers[0].error
        events = asked.rendering(self._call.keys)
        await self._start(_EVENTS)
        await self._client.send(events.open().encode(), more=True)
        try:
            for index, answer in enumerate(answers):
                async for pieces in self._pieces(answer):
                    told = "".join(events.piece(index, piece) for piece in pieces)
                    await self._client.send(told.encode(), more=True)
            results = self._complete(asked, answers)
        except ClientGone:
            raise
        except SlmtapeError as raised:
            # The status is long sent: the error is an event.
            error = self._reword(raised)
            self.failed(error, told=True)
            asked.keep(self._call.keys, error)
            await self._client.send(events.error(error).encode())
            return
        await self._client.send(events.close(results).encode())

    async def _pieces(self, answer: Answer) -> AsyncIterator[Sequence[Piece]]:
        """Those that came since the last ones, until none will come."""
        sent = 0
        while True:
            done = answer.done  # before looking: nothing comes after it
            new = answer.pieces[sent:]
            sent += len(new)
            if new:
                yield new
            if done:
                return
            await (self._client.rest() if new else self._client.change())

    async def _start(self, kind: tuple[bytes, bytes], length: int | None = None) -> None:
        await self._client.start(self._headers(kind), length)

    def _headers(self, kind: tuple[bytes, bytes]) -> Headers:
        return [kind, *headers(self._context, self.begun), *self.marks]


def _result(answer: Answer) -> Result:
    """What was answered. Raises SlmtapeError where that failed."""
    if answer.error:
        raise answer.error
    assert answer.result is not None
    return answer.result


def _changed(answer: Answer, fault: Fault) -> Answer:
    """The answer as a fault leaves it. Raises SlmtapeError where there is none."""
    result = fault.change(_result(answer))
    return complete(answer.request, answer.key, result, answer.source)


def _source(answers: Sequence[Answer]) -> Source:
    """Who gives all these: the model, where it gives any."""
    sources = {answer.source for answer in answers}
    return next(one for one in SOURCES if one in sources)
