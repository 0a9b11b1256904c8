"""What prompts begin with, evaluated: kept for the next prompt that begins so, within a bound."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from itertools import takewhile

import numpy as np
from numpy.typing import NDArray

Chunks = tuple[tuple[int, ...], ...]
"""Tokens, in the chunks in which they were evaluated."""

State = NDArray[np.uint8]
"""The keys and values of a context, as llama.cpp writes them."""

MOST = 256 * 2**20
"""Bytes of all states together."""


class Prefixes:
    """States of prompts, by model; those that were used last are kept."""

    def __init__(self, most: int = MOST) -> None:
        """`most`: bytes."""
        self._most = most
        self._states: OrderedDict[tuple[object, Chunks], State] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def size(self) -> int:
        """Bytes that are kept."""
        return sum(len(state) for state in self._states.values())

    def longest(
        self, model: object, chunks: Sequence[tuple[int, ...]]
    ) -> tuple[Chunks, State] | None:
        """The state that shares most chunks with these, if any does, and its own chunks."""
        with self._lock:
            shared = {
                known: shared_chunks(known[1], chunks)
                for known in self._states
                if known[0] == model
            }
            best = max(shared, key=lambda known: shared[known], default=None)
            if best is None or not shared[best]:
                return None
            self._states.move_to_end(best)
            return best[1], self._states[best]

    def keep(self, model: object, chunks: Chunks, state: Callable[[], State]) -> None:
        """Keep the state of these chunks, unless a longer one is there; forget what it replaces."""
        with self._lock:
            for known in self._states:
                if known[0] == model and shared_chunks(known[1], chunks) == len(chunks):
                    self._states.move_to_end(known)
                    return
        written = state()
        if len(written) > self._most:
            return
        with self._lock:
            for known in list(self._states):
                if known[0] == model and shared_chunks(known[1], chunks) == len(known[1]):
                    del self._states[known]
            self._states[model, chunks] = written
            while self.size > self._most:
                self._states.popitem(last=False)

    def forget(self, model: object) -> None:
        """Forget all states of a model."""
        with self._lock:
            for known in [known for known in self._states if known[0] == model]:
                del self._states[known]


def shared_chunks(some: Sequence[tuple[int, ...]], others: Sequence[tuple[int, ...]]) -> int:
    """How many chunks both begin with."""
    pairs = zip(some, others, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
