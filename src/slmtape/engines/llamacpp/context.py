"""A llama.cpp context: evaluates tokens, keeps as much memory for them as they need."""

import ctypes
import os
from collections.abc import Callable, Iterator, Sequence
from functools import cache

import llama_cpp.llama_cpp as llama
import numpy as np
from numpy.typing import NDArray

from slmtape.engines.llamacpp.turns import turn
from slmtape.engines.llamacpp.weights import Weights
from slmtape.errors import EngineError

CHUNK = 128
"""Prompt tokens evaluated at once. Numbers depend on where a prompt is cut; it is always cut at
multiples of this, counted from its beginning."""

_SMALLEST = 1024
_POSITIONS = 32
"""Tokens evaluated at once where numbers of each are wanted: a row of them is a vocabulary long."""


class Context:
    """Room for one conversation at a time, growing with it."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._capacity = 0
        self._evaluated: list[Sequence[int]] = []
        self._slides = llama.llama_model_n_swa(weights.model) > 0
        self.handle: object = None
        self._one = (llama.llama_token * 1)()

    def clear(self, tokens: int) -> None:
        """Forget everything, and make room for about this many tokens."""
        self._evaluated.clear()
        if self._capacity >= tokens:
            llama.llama_memory_clear(llama.llama_get_memory(self.handle), False)
        else:
            self._replace(tokens)

    def keep(self, prompt: Sequence[int], tokens: int) -> int:
        """Forget all but what this prompt begins with as well, and make room as `clear` does.

        Returns how many of the prompt's tokens need not be evaluated again: whole chunks, which
        have the same numbers whatever followed them, and never all of them.
        """
        kept = 0 if self._slides or not self.holds(tokens) else self._shared(prompt)
        memory = llama.llama_get_memory(self.handle) if kept else None
        if not kept or not llama.llama_memory_seq_rm(memory, 0, kept, -1):
            self.clear(tokens)
            return 0
        del self._evaluated[kept // CHUNK :]
        return kept

    def evaluate(self, tokens: Sequence[int]) -> None:
        """Evaluate at most CHUNK tokens, after those evaluated before."""
        if len(tokens) == 1:
            self._one[0] = tokens[0]
            array = self._one
        else:
            array = (llama.llama_token * len(tokens))(*tokens)
        # The batch points into the array, which must live until the call returns.
        self._decode(llama.llama_batch_get_one(array, len(tokens)))
        self._evaluated.append(tuple(tokens))

    def logits(self) -> NDArray[np.float32]:
        """The numbers that the last token's successor is picked from: a view, by token id."""
        return self._view(llama.llama_get_logits_ith(self.handle, -1), self._weights.size)

    def logits_of_each(self, tokens: Sequence[int]) -> Iterator[NDArray[np.float32]]:
        """Evaluate tokens after those evaluated before; what `logits` is after each of them."""
        for batch, count in self._batches(tokens):
            self._decode(batch)
            for index in range(count):
                row = llama.llama_get_logits_ith(self.handle, index)
                yield self._view(row, self._weights.size)

    def vectors(self, tokens: Sequence[int]) -> Iterator[NDArray[np.float32]]:
        """Evaluate tokens after those evaluated before; the last layer's output for each."""
        llama.llama_set_embeddings(self.handle, True)
        try:
            for batch, count in self._batches(tokens):
                self._decode(batch)
                for index in range(count):
                    row = llama.llama_get_embeddings_ith(self.handle, index)
                    yield self._view(row, self._weights.width)
        finally:
            llama.llama_set_embeddings(self.handle, False)

    def grow(self, waiting: Callable[[], None] = lambda: None) -> None:
        """Double the room, keeping what was evaluated, bit for bit.

        Where that takes long, `waiting` is called again and again; what it raises ends it.
        """
        if self._slides:
            self._evaluate_again(waiting)
            return
        size = llama.llama_state_seq_get_size(self.handle, 0)
        state = (ctypes.c_uint8 * size)()
        llama.llama_state_seq_get_data(self.handle, state, size, 0)
        self._replace(self._capacity * 2)
        llama.llama_state_seq_set_data(self.handle, state, size, 0)

    def _evaluate_again(self, waiting: Callable[[], None]) -> None:
        # What a sliding window has passed is left out of a state, and numbers depend on where in
        # memory the rest is.
        before = tuple(self._evaluated)
        self._replace(self._capacity * 2)
        self._evaluated.clear()
        for tokens in before:
            waiting()
            self.evaluate(tokens)

    def holds(self, tokens: int) -> bool:
        """Whether there is room for this many tokens in all."""
        return tokens <= self._capacity

    def _shared(self, prompt: Sequence[int]) -> int:
        """How many tokens of the prompt, in whole chunks, were evaluated just so."""
        shared = 0
        for chunk in self._evaluated:
            end = shared + CHUNK
            if end >= len(prompt) or chunk != tuple(prompt[shared:end]):
                break
            shared = end
        return shared

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

    def _batches(self, tokens: Sequence[int]) -> Iterator[tuple[llama.llama_batch, int]]:
        """Batches that ask for numbers of each token."""
        position = llama.llama_memory_seq_pos_max(llama.llama_get_memory(self.handle), 0) + 1
        batch = llama.llama_batch_init(_POSITIONS, 0, 1)
        try:
            for start in range(0, len(tokens), _POSITIONS):
                part = tokens[start : start + _POSITIONS]
                batch.n_tokens = len(part)
                for index, token in enumerate(part):
                    batch.token[index] = token
                    batch.pos[index] = position + start + index
                    batch.n_seq_id[index] = 1
                    batch.seq_id[index][0] = 0
                    batch.logits[index] = 1
                yield batch, len(part)
        finally:
            llama.llama_batch_free(batch)

    def _decode(self, batch: llama.llama_batch) -> None:
        with turn():
            status = llama.llama_decode(self.handle, batch)
        if status:
            raise EngineError(f"llama.cpp can't evaluate {batch.n_tokens} tokens: status {status}.")

    def _view(self, numbers: object, count: int) -> NDArray[np.float32]:
        pointer = ctypes.cast(numbers, ctypes.POINTER(ctypes.c_float))  # type: ignore[arg-type]
        return np.ctypeslib.as_array(pointer, (count,))


@cache
def shared(weights: Weights) -> Context:
    """The only context of these weights: its memory is needed once, however many servers."""
    return Context(weights)


def threads() -> int:
    """The cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
