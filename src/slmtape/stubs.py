"""Stubs: answers that a test wrote. They come before recordings and models."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import product
from typing import Any

from slmtape.answers import Answer, complete
from slmtape.errors import StubError
from slmtape.generation import EmbeddingRequest, GenerationRequest, Request, Result
from slmtape.keys import KEY_LENGTH, key
from slmtape.matching import Matcher, Rule
from slmtape.replies import Reply

Said = Reply | str
Answering = Said | list[Said] | tuple[Said, ...] | Callable[[Request], Said | None]
"""What a stub answers with: always the same, one after the other, or what a function returns."""


class Stub(Rule):
    """An answer for the requests that a matcher fits: `used` is how often it was given."""

    what = "stub"

    def __init__(
        self,
        answer: Answering,
        matcher: Matcher,
        *,
        times: int | None,
        tools: Sequence[Mapping[str, Any]],
        optional: bool,
    ) -> None:
        super().__init__(matcher, times=times, optional=optional)
        self._function = answer if callable(answer) else None
        self._replies = () if callable(answer) else _replies(answer)
        if isinstance(answer, list | tuple):
            if times is not None:
                raise StubError("A sequence of answers has a length: leave `times` away.")
            self.times = len(self._replies)
        if not (self._function or self._replies):
            raise StubError("A stub has one answer at least.")
        if tools:
            parameters = dict(map(_declared, tools))
            for reply in self._replies:
                reply.check(parameters)

    def answer(self, request: Request, model: str) -> Answer | None:
        """Its answer to this request, for which a client asked by this model's name; or None.

        Raises StubError where what it says can't be an answer to this.
        """
        if self.spent:
            return None
        try:
            reply = self._reply(request) if self.meets(request, model) else None
        except Exception as error:
            self.met += 1
            raise StubError(f"{self} raised {type(error).__name__}: {error}") from error
        if reply is None:
            return None
        self.used += 1
        result = reply.result(request)
        return complete(request, _key(request, result), result, "stub")

    def meets(self, request: Request, model: str) -> bool:
        """Whether this request is meant, which counts. Raises what `when` raises."""
        fits = self.matcher.fits(request, model)
        self.met += fits
        return fits

    def _reply(self, request: Request) -> Reply | None:
        if self._function:
            said = self._function(request)
            return None if said is None else _reply(said)
        reply = self._replies[min(self.used, len(self._replies) - 1)]
        embeds = isinstance(request, EmbeddingRequest)
        return reply if embeds == (reply.vector is not None) else None


def _reply(said: Said) -> Reply:
    if isinstance(said, str):
        return Reply(said)
    if isinstance(said, Reply):
        return said
    raise StubError(f"A stub answers with a text or a Reply, not with {said!r}.")


def _replies(answer: Said | list[Said] | tuple[Said, ...]) -> tuple[Reply, ...]:
    if isinstance(answer, list | tuple):
        return tuple(map(_reply, answer))
    return (_reply(answer),)


def _declared(tool: Mapping[str, Any]) -> tuple[str, Any]:
    """Name and parameters of a tool, written as for chat completions or as for responses."""
    function = tool.get("function", tool)
    try:
        return function["name"], function.get("parameters")
    except (AttributeError, KeyError, TypeError):
        raise StubError(f"This is no definition of a function tool: {tool!r}.") from None


def _key(request: Request, result: Result) -> str:
    """What ids are made of: another one for each answer that is given to a request."""
    return hashlib.sha256(f"{key(request)}{result!r}".encode()).hexdigest()[:KEY_LENGTH]


class Stubs:
    """The stubs of a server: the first that fits a request answers it."""

    def __init__(self) -> None:
        self._stubs: list[Stub] = []

    def add(self, stub: Stub) -> None:
        """Have this one asked after those that are there."""
        self._stubs.append(stub)

    def __len__(self) -> int:
        return len(self._stubs)

    def clear(self) -> None:
        """Forget them."""
        self._stubs.clear()

    def __iter__(self) -> Iterator[Stub]:
        return iter(tuple(self._stubs))

    def meet(self, requests: Iterable[Request], model: str) -> None:
        """Count these requests, which a fault keeps from being answered."""
        for request, stub in product(requests, self):
            with suppress(Exception):  # nobody is answered by it now
                stub.meets(request, model)

    def answer(self, request: Request, model: str) -> Answer | None:
        """The answer of the first stub that has one. Raises StubError."""
        if isinstance(request, GenerationRequest) and request.max_tokens == 0:
            return None  # nothing is to be said: the prompt's tokens are counted
        answers = (stub.answer(request, model) for stub in self)
        return next((answer for answer in answers if answer), None)
