"""What is promised of every request, one by one: tests for a class that has a `history`."""

import os
import secrets

import pytest

from slmtape import FakeLLMServer
from tests.history.asked import shuffled
from tests.history.judging import History, assert_same, at_once

SEED = 0 if os.environ.get("CI") else secrets.randbelow(1000)
"""Which others are asked, and in what order; CI judges a change, not the day's luck."""


class Promises:
    """Inherited by a test class whose module has the fixtures `history` and `server`.

    An answer does not depend on …
    """

    def test_what_was_asked_before(self, history: History) -> None:
        print("seed", SEED)  # noqa: T201
        assert_same(history.alone(), history.after_others(SEED))

    def test_who_else_asks(self, history: History, server: FakeLLMServer) -> None:
        print("seed", SEED)  # noqa: T201
        assert_same(history.alone(), at_once(server, shuffled(SEED, history.requests)))

    def test_whether_it_is_streamed(self, history: History, server: FakeLLMServer) -> None:
        streaming = {asked.name for asked in history.requests if asked.streams}
        assert_same(history.told(streaming), at_once(server, history.requests, streaming))

    @pytest.mark.parametrize("threads", [1, 2, 4])
    def test_the_number_of_threads(self, history: History, threads: int) -> None:
        assert_same(history.alone(), history.in_turn(threads=threads))
