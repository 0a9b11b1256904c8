"""States of prompts that are kept within a bound."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from slmtape.engines.llamacpp.prefixes import Chunks, Prefixes, State, shared_chunks

SIZE = 10


def state() -> State:
    return np.zeros(SIZE, np.uint8)


def chunks(text: str) -> Chunks:
    return tuple((ord(letter),) for letter in text)


def kept(prefixes: Prefixes, text: str) -> str | None:
    found = prefixes.longest("model", chunks(text))
    return "".join(chr(chunk[0]) for chunk in found[0]) if found else None


def test_the_state_that_shares_most_is_found() -> None:
    prefixes = Prefixes()
    for text in ("abc", "abxyz", "q"):
        prefixes.keep("model", chunks(text), state)
    assert kept(prefixes, "abcd") == "abc"
    assert kept(prefixes, "abxy") == "abxyz"
    assert kept(prefixes, "n") is None
    assert prefixes.longest("another", chunks("abc")) is None


def test_a_longer_state_takes_the_place_of_those_it_begins_with() -> None:
    prefixes = Prefixes()
    prefixes.keep("model", chunks("ab"), state)
    prefixes.keep("model", chunks("abc"), state)
    assert prefixes.size == SIZE
    prefixes.keep("model", chunks("ab"), state)
    assert prefixes.size == SIZE
    assert kept(prefixes, "ab") == "abc"


def test_what_was_used_last_stays() -> None:
    prefixes = Prefixes(most=2 * SIZE)
    for text in ("a", "b"):
        prefixes.keep("model", chunks(text), state)
    assert kept(prefixes, "a") == "a"
    prefixes.keep("model", chunks("c"), state)
    assert (kept(prefixes, "a"), kept(prefixes, "b")) == ("a", None)


def test_what_is_larger_than_all_room_drives_nothing_out() -> None:
    prefixes = Prefixes(most=SIZE)
    prefixes.keep("model", chunks("a"), state)
    prefixes.keep("model", chunks("b"), lambda: np.zeros(SIZE + 1, np.uint8))
    assert (kept(prefixes, "a"), kept(prefixes, "b")) == ("a", None)


def test_a_models_states_are_forgotten_with_it() -> None:
    prefixes = Prefixes()
    prefixes.keep("model", chunks("a"), state)
    prefixes.keep("another", chunks("a"), state)
    prefixes.forget("model")
    assert kept(prefixes, "a") is None
    assert prefixes.longest("another", chunks("a"))


@given(st.lists(st.text("abc", min_size=1, max_size=6), max_size=12), st.text("abc", max_size=6))
def test_never_is_less_found_than_what_was_kept_last_or_more_kept_than_allowed(
    texts: list[str], asked: str
) -> None:
    prefixes = Prefixes(most=3 * SIZE)
    for text in texts:
        prefixes.keep("model", chunks(text), state)
        assert prefixes.size <= 3 * SIZE
    found = kept(prefixes, asked)
    if texts and shared_chunks(chunks(texts[-1]), chunks(asked)):
        assert found is not None
        best = shared_chunks(chunks(found), chunks(asked))
        assert best >= shared_chunks(chunks(texts[-1]), chunks(asked))
