"""What the tests ask: the server for the capital of France, and what is recorded elsewhere."""

from openai import AsyncOpenAI, OpenAI

from slmtape import FakeLLMServer

ANSWER = "The capital of France is Paris."


def answer(server: FakeLLMServer) -> str | None:
    """What the server says to a client that waits."""
    with OpenAI(**server.openai_client_args()) as client:
        completion = client.chat.completions.create(
            model="gpt-4o-mini",
            messages=[{"role": "user", "content": "What is the capital of France"}],
        )
    return completion.choices[0].message.content


async def streamed(client: AsyncOpenAI) -> str:
    """What the server says piece by piece to a client that does not."""
    stream = await client.chat.completions.create(
        model="gpt-4o-mini",
        messages=[{"role": "user", "content": "What is the capital of France"}],
        stream=True,
    )
    return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])


def owner() -> str:
    """What a service says that the other plugin has recorded."""
    with OpenAI(base_url="http://recorded.example/v1", api_key="x", max_retries=0) as client:
        return client.models.retrieve("gpt-4o").owned_by
