"""Tests and fixtures that anyio runs."""

from collections.abc import AsyncIterator

import pytest
from asking import ANSWER, streamed
from openai import AsyncOpenAI

from slmtape import FakeLLMServer

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def client(fake_llm_server: FakeLLMServer) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(**fake_llm_server.openai_client_args()) as client:
        yield client


async def test_anyio(client: AsyncOpenAI, fake_llm_server: FakeLLMServer) -> None:
    assert await streamed(client) == ANSWER
    assert fake_llm_server.calls.last.replayed
