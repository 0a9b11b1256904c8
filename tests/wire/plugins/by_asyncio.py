"""Tests that pytest-asyncio runs where they are marked."""

import pytest
from asking import ANSWER, streamed
from openai import AsyncOpenAI

from slmtape import FakeLLMServer


@pytest.mark.asyncio
async def test_marked(fake_llm_server: FakeLLMServer) -> None:
    async with AsyncOpenAI(**fake_llm_server.openai_client_args()) as client:
        assert await streamed(client) == ANSWER
    assert fake_llm_server.calls.last.replayed
