"""The check: what is answered alone, and what is answered after and beside others."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

import pytest
from openai import OpenAI

from slmtape import FakeLLMServer
from tests.history.asked import REQUESTS, Asked, others, shuffled
from tests.history.nursery import Nursery
from tests.history.peers import Peer, body
from tests.history.streams import streamed, whole

Answer = bytes | Mapping[str, Any]
"""A body, or what a stream says."""

_CLIENTS = 8


class History:
    """Answers of a peer to the same requests, by their names, in several circumstances.

    `alone` is what the others are compared with.
    """

    def __init__(self, peer: Peer, requests: Sequence[Asked] = REQUESTS) -> None:
        self.requests = requests
        self._nursery = Nursery(peer)
        self._alone: dict[str, bytes] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._nursery.close()

    def alone(self, requests: Sequence[Asked] | None = None) -> dict[str, bytes]:
        """These, or all, each answered in a new process, which is asked only once."""
        for one in requests or self.requests:
            if one.name not in self._alone:
                self._alone |= self._nursery.answers([one])
        return {one.name: self._alone[one.name] for one in requests or self.requests}

    def after_others(self, seed: int, count: int = 100) -> Mapping[str, bytes]:
        """All answered in one new process, after so many others, in an order of chance."""
        return self._nursery.answers([*others(seed, count), *shuffled(seed, self.requests)])

    def in_turn(
        self, requests: Sequence[Asked] | None = None, threads: int | None = None
    ) -> Mapping[str, bytes]:
        """These, or all, answered in one new process, one after the other in this order.

        `threads` is how many it computes with; None: as it thinks best.
        """
        return self._nursery.answers(requests or self.requests, threads)

    def told(self, streaming: Collection[str] = ()) -> Mapping[str, Answer]:
        """What is answered alone; for those whose names are here, what a stream must say."""
        told: dict[str, Answer] = dict(self.alone())
        for asked in self.requests:
            if asked.name in streaming:
                told[asked.name] = whole(asked, self._alone[asked.name])
        return told


def at_once(
    server: FakeLLMServer, requests: Iterable[Asked], streaming: Collection[str] = ()
) -> Mapping[str, Answer]:
    """What a server answers to eight clients at the same time.

    Where a request's name is in `streaming`, it is streamed.
    """

    def answer(asked: Asked) -> Answer:
        return streamed(client, asked) if asked.name in streaming else body(server, asked)

    with (
        OpenAI(**server.openai_client_args(), max_retries=0) as client,
        ThreadPoolExecutor(_CLIENTS) as clients,
    ):
        begun = {asked.name: clients.submit(answer, asked) for asked in requests}
        return {name: answer.result() for name, answer in begun.items()}


def changes(
    expected: Mapping[str, Answer], answers: Mapping[str, Answer]
) -> Mapping[str, tuple[Answer, Answer]]:
    """The names of requests whose answers are not as expected, with what was and what is.

    Answers to requests that nothing is expected of are others, and not looked at.
    """
    return {
        name: (answer, answers[name])
        for name, answer in expected.items()
        if answers[name] != answer
    }


def assert_same(expected: Mapping[str, Answer], answers: Mapping[str, Answer]) -> None:
    """Fail and tell what has changed, if anything has."""
    changed = changes(expected, answers)
    told = (f"{name}:\n  {was!r}\n  {now!r}" for name, (was, now) in changed.items())
    if changed:
        pytest.fail(f"{len(changed)} of {len(expected)} answers changed:\n" + "\n".join(told))
