"""New processes, which have computed nothing before they are asked."""

import multiprocessing
import os
import sys
from collections.abc import Iterable, Mapping
from multiprocessing.connection import Connection
from typing import Any

from tests.history.asked import Asked
from tests.history.peers import Peer

_SPAWN = multiprocessing.get_context("spawn")
_CHILD: Any = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
_PATIENCE = 600
"""Seconds after which a process that doesn't answer is a failure."""


class Nursery:
    """A process that has imported and loaded what a peer needs, and never asks anything itself.

    Each job is done in a new child of it. On Linux children are forked, which is as good as
    starting Python anew, and takes milliseconds. What they share with each other are modules and
    weights, which are read only: no context of llama.cpp was made before the fork, no token was
    evaluated, no state of a prompt was kept, and none of OpenMP's threads runs. Elsewhere, where
    forking what was loaded isn't safe, each child starts Python anew.
    """

    def __init__(self, peer: Peer) -> None:
        self._pipe, theirs = _SPAWN.Pipe()
        self._process = _SPAWN.Process(target=_serve, args=(theirs, peer))
        self._process.start()
        theirs.close()

    def close(self) -> None:
        """End it."""
        self._pipe.close()
        self._process.join(_PATIENCE)

    def answers(self, asked: Iterable[Asked], threads: int | None = None) -> Mapping[str, bytes]:
        """What one new process answers to these requests, in their order, by their names.

        `threads` is how many llama.cpp computes with; None: as it thinks best.
        """
        self._pipe.send((list(asked), threads))
        assert self._pipe.poll(_PATIENCE), "no answer"
        outcome = self._pipe.recv()
        assert isinstance(outcome, dict), outcome
        return outcome


def _serve(pipe: Connection, peer: Peer) -> None:
    if _CHILD.get_start_method() == "fork":
        peer.prepare()
    while True:
        try:
            job = pipe.recv()
        except EOFError:
            return
        child = _CHILD.Process(target=_answer, args=(pipe, peer, *job))
        child.start()
        child.join()
        if child.exitcode:
            pipe.send(f"A process ended with {child.exitcode}: its error is in what was printed.")


def _answer(pipe: Connection, peer: Peer, asked: list[Asked], threads: int | None) -> None:
    if threads:
        compute_with(threads)
    with peer.opened() as asking:
        pipe.send({one.name: asking(one) for one in asked})


def compute_with(threads: int) -> None:
    """Have llama.cpp compute with so many threads in this process, which is the test's own."""
    from slmtape.engines.llamacpp import turns
    from slmtape.engines.llamacpp.cores import cores

    os.environ["SLMTAPE_THREADS"] = str(threads)
    cores.cache_clear()
    turns._made.cache_clear()
    assert cores() == threads
