"""A request has one answer, whatever was asked before: of a model with other kinds of numbers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from slmtape import FakeLLMServer
from tests.history.asked import REQUESTS, others, shuffled
from tests.history.judging import History, assert_same, at_once
from tests.history.nightly import SEED, Promises
from tests.history.peers import Ours

pytestmark = [pytest.mark.live, pytest.mark.large]

FEW = {"a turn under instructions", "JSON by a schema, sampled", "log-probabilities"}


@pytest.fixture(scope="module")
def history(qwen: Path) -> Iterator[History]:
    with History(Ours(str(qwen))) as history:
        yield history


@pytest.fixture(scope="module")
def server(qwen: Path) -> Iterator[FakeLLMServer]:
    with Ours(str(qwen)).server() as server:
        yield server
        server.check()


def test_an_answer_after_and_beside_others_is_the_one_of_a_new_process_streamed_or_not(
    qwen: Path, server: FakeLLMServer
) -> None:
    print("seed", SEED)  # noqa: T201
    few = shuffled(SEED, [one for one in REQUESTS if one.name in FEW])
    streaming = {one.name for one in few[::2]}
    with History(Ours(str(qwen)), few) as history:
        answers = at_once(server, [*others(SEED, count=3), *few], streaming)
        assert_same(history.told(streaming), answers)


@pytest.mark.nightly
class TestQwen(Promises):
    """One by one."""
