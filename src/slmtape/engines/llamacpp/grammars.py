"""What an answer may look like, token by token: llguidance on a model's vocabulary."""

import ctypes
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

import llama_cpp
import numpy as np
from llguidance import LLMatcher, LLTokenizer
from numpy.typing import NDArray

from slmtape.engines.llamacpp.schemas import COMPACT, for_generation
from slmtape.errors import EngineError


class Grammars:
    """Makes grammars for one vocabulary."""

    def __init__(self, vocab: int, names: Sequence[bytes], ends: list[int]) -> None:
        """`vocab`: llama.cpp's handle; `names`: of all tokens; `ends`: those that end an answer."""
        tokenize = ctypes.cast(llama_cpp.llama_cpp._lib.llama_tokenize, ctypes.c_void_p).value
        assert tokenize is not None
        tokens = [_marked(vocab, token, name) for token, name in enumerate(names)]
        self._tokenizer = LLTokenizer.from_llamacpp(  # type: ignore[attr-defined]
            tokens=tokens, vocab_ptr=vocab, tokenize_fptr=tokenize, eos_token=ends
        )
        self._size = len(tokens)
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


def _marked(vocab: int, token: int, name: bytes) -> bytes:
    """A token's bytes as llguidance wants them: special ones begin with 0xff, which no text has."""
    attributes = llama_cpp.llama_vocab_get_attr(vocab, token)
    looks_special = name.startswith(b"<") and name.endswith(b">")
    special = attributes & llama_cpp.LLAMA_TOKEN_ATTR_CONTROL or (
        attributes & llama_cpp.LLAMA_TOKEN_ATTR_USER_DEFINED and looks_special
    )
    return b"\xff" + name if special else name


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
