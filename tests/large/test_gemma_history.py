"""A request has one answer, whatever was asked before: of a model with other kinds of numbers.

And with layers that see only what is near. Its vocabulary is large, and what forces it into a form
long in the making: a large model is asked everything, every night.
"""

from pathlib import Path

import pytest

from tests.history.asked import REQUESTS, others, shuffled
from tests.history.judging import History, assert_same, at_once
from tests.history.nightly import SEED
from tests.history.peers import Ours

pytestmark = [pytest.mark.live, pytest.mark.large]

FEW = {
    "a plain question",
    "a turn under instructions",
    "two choices",
    "log-probabilities, sampled",
}


def test_an_answer_after_and_beside_others_is_the_one_of_a_new_process_streamed_or_not(
    gemma: Path,
) -> None:
    print("seed", SEED)  # noqa: T201
    asked = shuffled(SEED, [one for one in REQUESTS if one.name in FEW])
    streaming = {one.name for one in asked[::2]}
    ours = Ours(str(gemma))
    with ours.server() as server:
        answers = at_once(server, [*others(SEED, count=4), *asked], streaming)
        server.check()
    with History(ours, asked) as history:
        assert_same(history.told(streaming), answers)
