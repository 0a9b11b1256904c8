"""Tests of every kind of fixture."""

import subprocess
import sys
from collections.abc import Callable

import pytest
from asking import ANSWER, answer

from slmtape import FakeLLMServer


def test_a_server(fake_llm_server: FakeLLMServer) -> None:
    assert answer(fake_llm_server) == ANSWER
    assert fake_llm_server.calls.last.replayed


@pytest.mark.parametrize("number", range(3))
def test_a_shared_server(fake_llm_server_session: FakeLLMServer, number: int) -> None:
    assert answer(fake_llm_server_session) == ANSWER
    assert len(fake_llm_server_session.calls) == 1


def test_a_stub(fake_llm_server_factory: Callable[..., FakeLLMServer]) -> None:
    server = fake_llm_server_factory()
    server.stub("Stubbed.")
    assert answer(server) == "Stubbed."


@pytest.mark.usefixtures("fake_llm_server_env")
def test_a_subprocess() -> None:
    program = "from openai import OpenAI; print(OpenAI().models.retrieve('smollm2-135m').id)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ran.stdout == "smollm2-135m\n", ran.stderr
