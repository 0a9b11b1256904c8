"""Tests and fixtures that pytest-asyncio runs unmarked, with `--asyncio-mode=auto`."""

from collections.abc import AsyncIterator

import pytest
from asking import ANSWER, streamed
from openai import AsyncOpenAI

from slmtape import FakeLLMServer


@pytest.fixture
async def client(fake_llm_server_session: FakeLLMServer) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(**fake_llm_server_session.openai_client_args()) as client:
        yield client


async def test_unmarked(client: AsyncOpenAI) -> None:
    assert await streamed(client) == ANSWER


async def test_unmarked_again(client: AsyncOpenAI) -> None:
    assert await streamed(client) == ANSWER
