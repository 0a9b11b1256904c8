"""Who is asked: a server of ours, or llama-cpp-python as its users ask it."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

from slmtape import FakeLLMServer, engines, models, protocols
from tests.history.asked import Asked
from tests.support import ask

_PATIENCE = 600
"""Seconds that a client waits for an answer: seven others may be first."""

Ask = Callable[[Asked], bytes]


class Peer(Protocol):
    """Whoever answers. Goes to other processes by pickle."""

    def prepare(self) -> None:
        """Import and load what answering needs, and compute nothing."""

    def opened(self) -> Any:
        """A context manager that gives what a request is asked with."""


@dataclass(frozen=True)
class Ours:
    """A server that records nothing, of the model with this name or path."""

    model: str

    def prepare(self) -> None:
        """Load the weights, which nothing that is asked changes."""
        name = models.served_name(self.model)
        protocols.load("openai")
        engines.load("llamacpp", models.find(self.model), name).load()

    def server(self) -> FakeLLMServer:
        """The server, started."""
        aliases = {"model": models.served_name(self.model)}
        return FakeLLMServer(self.model, mode="live", aliases=aliases)

    @contextmanager
    def opened(self) -> Iterator[Ask]:
        """Gives the bodies of answers, which all must be 200."""
        with self.server() as server:
            yield lambda asked: body(server, asked)
            server.check()


@dataclass(frozen=True)
class Naive:
    """One `Llama` object, which goes on from what its last prompt shares with the next one."""

    model: str

    @staticmethod
    def takes(asked: Asked) -> bool:
        """Whether it can be asked this, and has its answer soon."""
        known = {"messages", "max_tokens", "temperature", "top_p", "seed", "stop"}
        return set(asked.body) <= known and len(json.dumps(asked.body)) < 1000

    def prepare(self) -> None:
        """Load the weights, and make room for what is evaluated."""
        _llama(self.model)

    @contextmanager
    def opened(self) -> Iterator[Ask]:
        """Gives answers as JSON, but for id and time, which are new in each of its answers."""
        model = _llama(self.model)

        def asking(asked: Asked) -> bytes:
            answer = model.create_chat_completion(**asked.body)
            return json.dumps([answer["choices"], answer["usage"]]).encode()

        yield asking


def body(server: FakeLLMServer, asked: Asked) -> bytes:
    """The body of the answer to a request."""
    told = {"model": "model", **asked.body}
    reply = ask(server.base_url, told, path=asked.path, timeout=_PATIENCE)
    assert reply.status == 200, f"{asked.name}: {reply.body.decode()}"
    return reply.body


@cache
def _llama(name: str) -> Any:
    from llama_cpp import Llama

    # One thread: with more, others who compute at the same time would bring it to a standstill.
    path = str(models.find(name).path)
    return Llama(path, n_ctx=1024, n_threads=1, n_threads_batch=1, verbose=False)
