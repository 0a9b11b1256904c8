"""A test whose application swallows that nothing is recorded."""

import openai
import pytest

from slmtape import FakeLLMServer


@pytest.mark.asyncio
async def test_swallowed(fake_llm_server: FakeLLMServer) -> None:
    async with openai.AsyncOpenAI(**fake_llm_server.openai_client_args()) as client:
        with pytest.raises(openai.BadRequestError):
            await client.responses.create(model="gpt-5", input="What is the capital of Nowhere")
