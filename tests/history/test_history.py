"""A request has one answer, byte for byte, whatever was asked before it, by whom, and how.

Here for the embedded model, some requests at once; all, one by one, every night.
"""

from collections.abc import Iterator

import pytest

from slmtape import FakeLLMServer
from tests.history.asked import FEW, REQUESTS, SOME, others, shuffled
from tests.history.judging import History, assert_same, at_once, changes
from tests.history.nightly import SEED, Promises
from tests.history.peers import Naive, Ours

pytestmark = pytest.mark.live

MODEL = "smollm2-135m"
_BITES = 4
"""The seed of an order in which most answers of the naive way change."""


@pytest.fixture(scope="module")
def history() -> Iterator[History]:
    with History(Ours(MODEL)) as history:
        yield history


@pytest.fixture(scope="module")
def some() -> Iterator[History]:
    with History(Ours(MODEL), SOME) as history:
        yield history


@pytest.fixture(scope="module")
def server() -> Iterator[FakeLLMServer]:
    with Ours(MODEL).server() as server:
        yield server
        server.check()


def test_an_answer_after_and_beside_others_is_the_one_of_a_new_process_streamed_or_not(
    some: History, server: FakeLLMServer
) -> None:
    print("seed", SEED)  # noqa: T201
    asked = shuffled(SEED, some.requests)
    streaming = {one.name for one in asked[::2] if one.streams}
    answers = at_once(server, [*others(SEED, count=6), *asked], streaming)
    assert_same(some.told(streaming), answers)


@pytest.mark.parametrize("threads", [1, 4])
def test_an_answer_does_not_depend_on_the_number_of_threads(some: History, threads: int) -> None:
    assert_same(some.alone(FEW), some.in_turn(FEW, threads))


def test_the_check_finds_answers_that_depend_on_what_was_asked_before() -> None:
    # Always in the same order, in which most of them change.
    asked = shuffled(_BITES, [one for one in REQUESTS if Naive.takes(one)])[:5]
    with History(Naive(MODEL), asked) as history:
        assert changes(history.alone(), history.in_turn())


@pytest.mark.nightly
class TestSmolLM2(Promises):
    """One by one."""
