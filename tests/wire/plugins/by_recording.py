"""Tests beside services that pytest-recording replays."""

import pytest
from asking import ANSWER, answer, owner

from slmtape import FakeLLMServer


@pytest.mark.vcr
def test_beside_a_recorded_service(fake_llm_server: FakeLLMServer) -> None:
    assert owner() == "recorded"
    assert answer(fake_llm_server) == ANSWER


def test_after_one(fake_llm_server: FakeLLMServer) -> None:
    assert answer(fake_llm_server) == ANSWER
