"""Tokens that are picked from numbers."""

import ctypes
from contextlib import closing
from types import SimpleNamespace
from typing import Any, cast

import llama_cpp.llama_cpp as llama
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmtape.engines.llamacpp.context import Context
from slmtape.engines.llamacpp.sampling import Sampler
from tests.support import request_for

LOGITS = st.lists(
    st.floats(width=32, allow_nan=False) | st.sampled_from([-np.inf, 0.0, -0.0, 1.0]), min_size=1
)


@given(LOGITS)
def test_the_likeliest_token_is_the_one_that_llama_cpp_takes(numbers: list[float]) -> None:
    logits = np.array(numbers, np.float32)
    context = cast(Context, SimpleNamespace(logits=lambda: logits))
    with closing(Sampler(request_for(), vocabulary=len(logits), most=1)) as sampler:
        assert sampler.pick(context) == greedy(logits)


def test_no_more_is_remembered_than_an_answer_has(monkeypatch: pytest.MonkeyPatch) -> None:
    made = llama.llama_sampler_init_penalties
    remembered = []

    def penalties(vocabulary: int, last: int, *others: float) -> object:
        remembered.append(last)
        return made(vocabulary, last, *others)

    monkeypatch.setattr(llama, "llama_sampler_init_penalties", penalties)
    for last in (-1, 7, 2_000_000_000):
        extras = (("repeat_penalty", "1.1"), ("repeat_last_n", str(last)))
        Sampler(request_for(extras=extras), vocabulary=9, most=20).close()
    assert remembered == [20, 7, 20]


def greedy(logits: np.ndarray[Any, np.dtype[np.float32]]) -> int:
    """What llama.cpp's own sampler takes."""
    pairs = [llama.llama_token_data(token, logit, 0) for token, logit in enumerate(logits.tolist())]
    candidates = (llama.llama_token_data * len(pairs))(*pairs)
    array = llama.llama_token_data_array(candidates, len(pairs), -1, False)
    sampler = llama.llama_sampler_init_greedy()
    try:
        llama.llama_sampler_apply(sampler, ctypes.byref(array))
    finally:
        llama.llama_sampler_free(sampler)
    return int(array.selected)
