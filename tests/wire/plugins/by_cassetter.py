"""Tests beside services that cassetter replays."""

from typing import Any

import pytest
from asking import ANSWER, answer, owner

from slmtape import FakeLLMServer


@pytest.fixture(scope="module")
def vcr_config() -> dict[str, Any]:
    return {"ignore_localhost": True}


@pytest.mark.vcr
def test_beside_a_recorded_service(fake_llm_server: FakeLLMServer) -> None:
    assert owner() == "recorded"
    assert answer(fake_llm_server) == ANSWER


def test_after_one(fake_llm_server: FakeLLMServer) -> None:
    assert answer(fake_llm_server) == ANSWER
