"""A request has one answer, whatever was asked before: of a model with other kinds of numbers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from slmtape import FakeLLMServer
from tests.history.judging import History
from tests.history.nightly import Promises
from tests.history.peers import Ours

pytestmark = [pytest.mark.live, pytest.mark.large, pytest.mark.nightly]


@pytest.fixture(scope="module")
def history(qwen: Path) -> Iterator[History]:
    with History(Ours(str(qwen))) as history:
        yield history


@pytest.fixture(scope="module")
def server(qwen: Path) -> Iterator[FakeLLMServer]:
    with Ours(str(qwen)).server() as server:
        yield server
        server.check()


class TestQwen(Promises):
    """One by one."""
