"""A test that starts its server itself, and says so to the other plugins."""

from typing import Any

import pytest
from asking import ANSWER, answer

from slmtape import FakeLLMServer


@pytest.fixture(scope="module")
def vcr_config() -> dict[str, Any]:
    return {"ignore_localhost": True}


@pytest.mark.vcr
def test_own_server() -> None:
    with FakeLLMServer(cache="cassettes", aliases={"*": "smollm2-135m"}) as server:
        assert answer(server) == ANSWER
        server.check()
