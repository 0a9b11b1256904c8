"""A llama.cpp context: evaluates tokens, keeps as much memory for them as they need."""

import ctypes
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any

import llama_cpp.llama_cpp as llama
import numpy as np
from numpy.typing import NDArray

from slmtape.engines.llamacpp.prefixes import Chunks, Prefixes, State, shared_chunks
from slmtape.engines.llamacpp.space import BATCH, CHUNK, LEAST, POSITIONS, check, told
from slmtape.engines.llamacpp.turns import Share
from slmtape.engines.llamacpp.weights import Weights
from slmtape.errors import EngineError

_SMALLEST = 1024
_PART = 4
"""One in so many chunks is worth a state of all: to make room for, or to keep."""
_FEW = 16
"""Chunks, the last of many, that are evaluated again: to keep them is to keep all before them."""


class Context:
    """Room for one conversation at a time, growing with it. One request has it at a time."""

    def __init__(self, weights: Weights, prefixes: Prefixes) -> None:
        """`prefixes`: where the beginnings of prompts are kept that it has no room for."""
        self._weights = weights
        self._prefixes = prefixes
        self._taken: Chunks = ()  # of an earlier prompt
        self._evaluated: list[tuple[int, ...]] = []  # batches, after those
        self._window = llama.llama_model_n_swa(weights.model)
        self._reuses = not (_folds(weights.model) or _has_experts(weights.model))
        self.capacity = 0
        """Tokens that there is room for."""
        self.share: Share | None = None
        """The part in computing of the request that has it."""
        self.handle: object = None
        self._one = (llama.llama_token * 1)()

    def clear(self, tokens: int) -> None:
        """Forget everything, and make room for about this many tokens."""
        self._store()
        self._forget()
        if self.holds(tokens):
            llama.llama_memory_clear(llama.llama_get_memory(self.handle), False)
        else:
            self._replace(tokens)

    def read(self, prompt: Sequence[int], tokens: int, before: Callable[[], object]) -> None:
        """Forget all but what this prompt begins with as well, and evaluate the rest of it.

        Room is made as `clear` does. `before` is called before each batch; what it raises ends it.
        """
        for batch in batches(prompt, self.keep(prompt, tokens)):
            before()
            self.evaluate(batch)

    def keep(self, prompt: Sequence[int], tokens: int) -> int:
        """The first half of `read`. Returns how many of the prompt's tokens are kept.

        They are whole chunks, which have the same numbers whatever followed them, and leave enough
        for a batch.
        """
        wanted = chunks(prompt)
        if not self.holds(tokens):
            self.clear(tokens)
        kept = self.shared(wanted)
        stored = self._prefixes.longest(self._weights, wanted) if self._reuses else None
        if stored and self._worth(stored[0], shared_chunks(stored[0], wanted), kept):
            self._restore(*stored, tokens)
            kept = self.shared(wanted)
        if not kept:
            self.clear(tokens)
            return 0
        self._store(besides=kept)
        self._cut(kept)
        return kept * CHUNK

    def shared(self, wanted: Sequence[tuple[int, ...]]) -> int:
        """How many of these chunks were evaluated just so, from the beginning on."""
        return shared_chunks(self._whole(), wanted)

    def close(self, *, keep: bool) -> None:
        """Free it; `keep`: others keep what it has evaluated."""
        try:
            if keep:
                self._store()
        finally:
            self._forget()
            self._free()

    def evaluate(self, tokens: Sequence[int]) -> None:
        """Evaluate at most BATCH tokens, after those evaluated before."""
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
        if self._window:
            self._evaluate_again(waiting)
            return
        state = self._state()
        self._replace(self.capacity * 2)
        self._set(state)

    def holds(self, tokens: int) -> bool:
        """Whether there is room for this many tokens in all."""
        return tokens <= self.capacity

    def _evaluate_again(self, waiting: Callable[[], None]) -> None:
        again: list[Sequence[int]] = [*self._evaluated]
        if self._taken:
            again[:1] = batches([*chain(*self._taken), *again[0]])
        self._replace(self.capacity * 2)
        self._forget()
        for tokens in again:
            waiting()
            self.evaluate(tokens)

    def _whole(self) -> Chunks:
        """The chunks that were evaluated as those of any prompt are, and can be kept."""
        tokens: list[int] = []
        for batch in self._evaluated:
            if not self._reuses or len(tokens) % CHUNK or len(batch) < LEAST:
                break
            tokens.extend(batch)
        return (*self._taken, *_whole_chunks(tokens))

    def _forget(self) -> None:
        self._taken = ()
        self._evaluated.clear()

    def _store(self, besides: int = 0) -> None:
        """Have others keep what is about to be forgotten: all chunks but the first so many."""
        whole = self._whole()
        if self._window:
            # What a window has passed is left out of a state, and numbers depend on where in memory
            # the rest is.
            whole = whole[: self._window // CHUNK]
        if len(whole) - besides <= min(_FEW, len(whole) // _PART):
            return

        def state() -> State:
            self._cut(len(whole))
            return self._state()

        self._prefixes.keep(self._weights, whole, state)

    def _restore(self, evaluated: Chunks, state: State, tokens: int) -> None:
        self.clear(max(tokens, len(evaluated) * CHUNK))
        self._set(state)
        self._taken = evaluated

    def _worth(self, stored: Chunks, shared: int, kept: int) -> bool:
        """Whether to take so many chunks from a state, instead of those there are.

        All of the state is taken, and needs room: nearly all prompts of a template begin alike.
        """
        small = self.holds(len(stored) * CHUNK)
        return shared > kept and (small or shared * _PART >= len(stored))

    def _cut(self, kept: int) -> None:
        """Forget all but so many chunks."""
        memory = llama.llama_get_memory(self.handle)
        if not llama.llama_memory_seq_rm(memory, 0, kept * CHUNK, -1):
            self._forget()
            raise EngineError("llama.cpp can't forget the end of what it has evaluated.")
        self._taken = self._whole()[:kept]
        self._evaluated.clear()

    def _state(self) -> State:
        size = llama.llama_state_seq_get_size(self.handle, 0)
        state = np.empty(size, np.uint8)
        llama.llama_state_seq_get_data(self.handle, _pointer(state), size, 0)
        return state

    def _set(self, state: State) -> None:
        if not llama.llama_state_seq_set_data(self.handle, _pointer(state), len(state), 0):
            self._forget()
            raise EngineError("llama.cpp can't take back what it has evaluated.")

    def _replace(self, tokens: int) -> None:
        capacity = room(tokens)
        check(
            f"A context of {capacity:,} tokens",
            self._weights.need.context(capacity) - self._bytes,
            "Make the prompt shorter, set max_tokens, or take a smaller model.",
        )
        self._free()
        params = llama.llama_context_default_params()
        params.n_ctx = capacity
        params.n_batch = params.n_ubatch = BATCH
        # What a sliding window has passed stays, or the end of a prompt could not be forgotten.
        params.swa_full = True
        # Flash attention divides the keys among the threads: its numbers depend on how many.
        params.flash_attn_type = llama.LLAMA_FLASH_ATTN_TYPE_DISABLED
        self.handle = llama.llama_init_from_model(self._weights.model, params)
        if not self.handle:
            self._forget()
            raise EngineError(f"llama.cpp can't make a context of {capacity:,} tokens.")
        self.capacity = capacity

    @property
    def _bytes(self) -> int:
        return self._weights.need.context(self.capacity) if self.handle else 0

    def _free(self) -> None:
        if self.handle:
            llama.llama_free(self.handle)
            self.capacity, self.handle = 0, None

    def _batches(self, tokens: Sequence[int]) -> Iterator[tuple[llama.llama_batch, int]]:
        """Batches that ask for numbers of each token."""
        position = llama.llama_memory_seq_pos_max(llama.llama_get_memory(self.handle), 0) + 1
        batch = llama.llama_batch_init(POSITIONS, 0, 1)
        try:
            for start in range(0, len(tokens), POSITIONS):
                part = tokens[start : start + POSITIONS]
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
        status = 0

        def step(threads: int) -> None:
            nonlocal status
            llama.llama_set_n_threads(self.handle, threads, threads)
            status = llama.llama_decode(self.handle, batch)

        assert self.share is not None, "only a request that has it computes"
        self.share.run(step)
        if status:
            raise EngineError(f"llama.cpp can't evaluate {batch.n_tokens} tokens: status {status}.")

    def _view(self, numbers: Any, count: int) -> NDArray[np.float32]:
        address = ctypes.addressof(numbers.contents)
        array = (ctypes.c_float * count).from_address(address)
        return np.frombuffer(memoryview(array), np.float32)


def chunks(prompt: Sequence[int]) -> Chunks:
    """The chunks of a prompt that may be kept: whole ones, which leave enough for a batch."""
    return _whole_chunks(prompt[:-LEAST])


def batches(prompt: Sequence[int], kept: int = 0) -> Iterator[Sequence[int]]:
    """What is evaluated at once of a prompt, of which so many tokens were."""
    while (left := len(prompt) - kept) > BATCH:
        size = BATCH if left >= BATCH + LEAST else BATCH - LEAST
        yield prompt[kept : kept + size]
        kept += size
    yield prompt[kept:]


def _folds(model: object) -> bool:
    """Whether it folds all that came before into one state, of which nothing can be forgotten."""
    return bool(llama.llama_model_is_recurrent(model) or llama.llama_model_is_hybrid(model))


def _has_experts(model: object) -> bool:
    """Whether it asks experts, for few tokens or many: that depends on all tokens of a batch."""
    return told(model, "expert_count") not in ("", "0")


def _pointer(state: State) -> Any:
    return state.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))


def _whole_chunks(tokens: Sequence[int]) -> Chunks:
    ends = range(CHUNK, len(tokens) + 1, CHUNK)
    return tuple(tuple(tokens[end - CHUNK : end]) for end in ends)


def room(tokens: int) -> int:
    """The tokens that a context has room for which is to have room for so many."""
    capacity = _SMALLEST
    while capacity < tokens:
        capacity *= 2
    return capacity
