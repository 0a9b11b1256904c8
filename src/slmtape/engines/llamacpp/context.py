"""A llama.cpp context: evaluates tokens, keeps as much memory for them as they need."""

import ctypes
import os
from collections.abc import Sequence
from functools import cache

import llama_cpp.llama_cpp as llama

from slmtape.engines.llamacpp.turns import turn
from slmtape.engines.llamacpp.weights import Weights
from slmtape.errors import EngineError

CHUNK = 128
"""Prompt tokens evaluated at once. Numbers depend on where a prompt is cut; it is always cut at
multiples of this, counted from its beginning."""

_SMALLEST = 1024


class Context:
    """Room for one conversation at a time, growing with it."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._capacity = 0
        self.handle: object = None
        self._one = (llama.llama_token * 1)()

    def clear(self, tokens: int) -> None:
        """Forget everything, and make room for about this many tokens."""
        if self._capacity >= tokens:
            llama.llama_memory_clear(llama.llama_get_memory(self.handle), False)
        else:
            self._replace(tokens)

    def evaluate(self, tokens: Sequence[int]) -> None:
        """Evaluate at most CHUNK tokens of a prompt, after those evaluated before."""
        self._decode((llama.llama_token * len(tokens))(*tokens), len(tokens))

    def evaluate_one(self, token: int) -> None:
        """Evaluate one token of an answer."""
        self._one[0] = token
        self._decode(self._one, 1)

    def grow(self) -> None:
        """Double the room, keeping what was evaluated, bit for bit."""
        size = llama.llama_state_seq_get_size(self.handle, 0)
        state = (ctypes.c_uint8 * size)()
        llama.llama_state_seq_get_data(self.handle, state, size, 0)
        self._replace(self._capacity * 2)
        llama.llama_state_seq_set_data(self.handle, state, size, 0)

    def holds(self, tokens: int) -> bool:
        """Whether there is room for this many tokens in all."""
        return tokens <= self._capacity

    def _replace(self, tokens: int) -> None:
        capacity = _SMALLEST
        while capacity < tokens:
            capacity *= 2
        if self.handle:
            llama.llama_free(self.handle)
            self._capacity, self.handle = 0, None
        params = llama.llama_context_default_params()
        params.n_ctx = capacity
        params.n_batch = params.n_ubatch = CHUNK
        params.n_threads = params.n_threads_batch = threads()
        self.handle = llama.llama_init_from_model(self._weights.model, params)
        if not self.handle:
            raise EngineError(f"llama.cpp can't make a context of {capacity} tokens: memory?")
        self._capacity = capacity

    def _decode(self, tokens: ctypes.Array[ctypes.c_int], count: int) -> None:
        # The batch points into `tokens`, which must live until the call returns.
        batch = llama.llama_batch_get_one(tokens, count)
        with turn():
            status = llama.llama_decode(self.handle, batch)
        if status:
            raise EngineError(f"llama.cpp can't evaluate {count} tokens: status {status}.")


@cache
def shared(weights: Weights) -> Context:
    """The only context of these weights: its memory is needed once, however many servers."""
    return Context(weights)


def threads() -> int:
    """The cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
