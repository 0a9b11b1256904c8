"""A request has one answer, byte for byte, whatever was asked before it, by whom, and how.

Here for the embedded model, at once; one by one, and for a large model, every night.
"""

from collections.abc import Iterator

import pytest

from slmtape import FakeLLMServer
from tests.history.asked import REQUESTS, SOME, others, shuffled
from tests.history.judging import History, assert_same, at_once, changes
from tests.history.nightly import SEED, Promises
from tests.history.peers import Naive, Ours

pytestmark = pytest.mark.live

MODEL = "smollm2-135m"
_BITES = 4
"""The seed of an order in which many answers of the naive way change."""


@pytest.fixture(scope="module")
def history() -> Iterator[History]:
    with History(Ours(MODEL)) as history:
        yield history


@pytest.fixture(scope="module")
def server() -> Iterator[FakeLLMServer]:
    with Ours(MODEL).server() as server:
        yield server
        server.check()


def test_an_answer_after_and_beside_others_is_the_one_of_a_new_process_streamed_or_not(
    history: History, server: FakeLLMServer
) -> None:
    print("seed", SEED)  # noqa: T201
    asked = shuffled(SEED)
    streaming = {one.name for one in asked[::2] if one.streams}
    answers = at_once(server, [*others(SEED, count=16), *asked], streaming)
    assert_same(history.told(streaming), answers)


@pytest.mark.parametrize("threads", [1, 4])
def test_an_answer_does_not_depend_on_the_number_of_threads(history: History, threads: int) -> None:
    alone = {asked.name: history.alone[asked.name] for asked in SOME}
    assert_same(alone, history.with_threads(threads, SOME))


def test_the_check_finds_answers_that_depend_on_what_was_asked_before() -> None:
    asked = [one for one in REQUESTS if Naive.takes(one)]
    with History(Naive(MODEL), asked) as history:
        # Always in the same order: in most of them three to five answers change, in some only one.
        assert changes(history.alone, history.after_others(_BITES, count=0))


@pytest.mark.nightly
class TestSmolLM2(Promises):
    """One by one."""
