"""What an answer may look like, token by token: llguidance on a model's vocabulary."""

import ctypes
import re
from collections.abc import Iterable
from functools import lru_cache

import llama_cpp.llama_cpp as llama
import numpy as np
from llguidance import LLMatcher, LLTokenizer
from numpy.typing import NDArray

from slmtape.engines.llamacpp.schemas import COMPACT, for_generation
from slmtape.errors import EngineError


class Grammars:
    """Makes grammars for one vocabulary."""

    def __init__(self, vocab: object, size: int, ends: list[int]) -> None:
        """`size`: tokens in the vocabulary; `ends`: those that end an answer."""
        self._tokenizer = LLTokenizer.from_llamacpp(  # type: ignore[attr-defined]
            tokens=[_text(vocab, token) for token in range(size)],
            vocab_ptr=vocab,
            tokenize_fptr=ctypes.cast(llama._lib.llama_tokenize, ctypes.c_void_p).value,
            eos_token=ends,
        )
        self._size = size
        self._compiled = lru_cache(maxsize=64)(self._compile)

    def json(self, schema: str | None) -> "Grammar":
        """Compact JSON that matches the schema (as text); None: an empty object."""
        prepared = for_generation(schema)
        return self._grammar(LLMatcher.grammar_from_json_schema(prepared, overrides=COMPACT))

    def one_of(self, texts: Iterable[str]) -> "Grammar":
        """One of these texts."""
        return self._grammar(
            LLMatcher.grammar_from_regex("|".join(re.escape(text) for text in texts))
        )

    def _grammar(self, written: str) -> "Grammar":
        return Grammar(self._compiled(written).deep_copy(), self._size)

    def _compile(self, written: str) -> LLMatcher:
        matcher = LLMatcher(self._tokenizer, written, log_level=0)
        if matcher.is_error():
            raise EngineError(f"The answer can't be forced into this form: {matcher.get_error()}")
        return matcher


class Grammar:
    """Follows one answer through what it may look like."""

    def __init__(self, matcher: LLMatcher, size: int) -> None:
        self._matcher = matcher
        self._size = size

    @property
    def complete(self) -> bool:
        """Whether nothing can follow."""
        return bool(self._matcher.is_stopped())

    def takes(self, token: int) -> bool:
        """Go on with this token, if it may come next."""
        return bool(self._matcher.try_consume_tokens([token]))

    def forced(self) -> list[int]:
        """Go on with the tokens that must come next, if there is no choice."""
        tokens: list[int] = self._matcher.compute_ff_tokens()
        self._matcher.consume_tokens(tokens)
        self._check()
        return tokens

    def allowed(self) -> NDArray[np.bool_]:
        """Which tokens may come next, by id."""
        bits = np.frombuffer(self._matcher.compute_bitmask(), np.uint8)
        self._check()
        return np.unpackbits(bits, bitorder="little")[: self._size].astype(np.bool_)

    def _check(self) -> None:
        if self._matcher.is_error():
            raise EngineError(f"The answer can't be forced on: {self._matcher.get_error()}")


def _text(vocab: object, token: int) -> bytes:
    """A token's text as llguidance wants it: a control token's begins with 0xff.

    Its own function for this calls a name that llama.cpp has given up, which warns.
    """
    room = ctypes.create_string_buffer(1024)
    length = llama.llama_token_to_piece(vocab, token, room, len(room), 0, True)
    text = room.raw[:length]
    kind = llama.llama_vocab_get_attr(vocab, token)
    named = text.startswith(b"<") and text.endswith(b">")
    control = kind & llama.LLAMA_TOKEN_ATTR_CONTROL
    user_defined = kind & llama.LLAMA_TOKEN_ATTR_USER_DEFINED
    return b"\xff" + text if control or (user_defined and named) else text
