"""Through the real openai client, replayed from this project's own recordings."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from openai import APIStatusError, AsyncOpenAI, BadRequestError, NotFoundError, OpenAI

from slmtape import CheckError, FakeLLMServer
from tests.support import CASSETTES

MODEL = "smollm2-135m"
QUESTION = "What is the capital of France"
SEA: Any = [{"role": "user", "content": "Tell me about the sea."}]


def asking(text: str) -> Any:
    return [{"role": "user", "content": text}]


@pytest.fixture
def client(tape: FakeLLMServer) -> Iterator[OpenAI]:
    with OpenAI(**tape.openai_client_args()) as client:
        yield client


def test_a_plain_answer(client: OpenAI) -> None:
    completion = client.chat.completions.create(model=MODEL, messages=asking(QUESTION))
    [choice] = completion.choices
    assert choice.message.content == "The capital of France is Paris."
    assert (choice.message.role, choice.finish_reason) == ("assistant", "stop")
    assert completion.model == MODEL
    assert completion.usage is not None
    assert completion.usage.completion_tokens == 7
    assert completion.usage.total_tokens == completion.usage.prompt_tokens + 7


def test_a_streamed_answer_is_the_plain_one(client: OpenAI, tape: FakeLLMServer) -> None:
    chunks = list(
        client.chat.completions.create(
            model=MODEL,
            messages=asking(QUESTION),
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    said = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]
    assert [text for text in said if text] == [
        "The",
        " capital",
        " of",
        " France",
        " is",
        " Paris",
        ".",
    ]
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 7
    plain = client.chat.completions.create(model=MODEL, messages=asking(QUESTION))
    assert plain.id == chunks[0].id
    assert plain.usage == chunks[-1].usage
    assert all(call.text == "The capital of France is Paris." for call in tape.calls)


def test_the_stream_helper(client: OpenAI) -> None:
    with client.chat.completions.stream(model=MODEL, messages=asking(QUESTION)) as stream:
        deltas = [event.delta for event in stream if event.type == "content.delta"]
        final = stream.get_final_completion()
    assert "".join(deltas) == "The capital of France is Paris."
    assert final.choices[0].message.content == "The capital of France is Paris."


def test_an_async_client(tape: FakeLLMServer) -> None:
    async def ask() -> list[str]:
        async with AsyncOpenAI(**tape.openai_client_args()) as client:
            plain, stream = await asyncio.gather(
                client.chat.completions.create(model=MODEL, messages=asking(QUESTION)),
                client.chat.completions.create(model=MODEL, messages=asking(QUESTION), stream=True),
            )
            streamed = [c.choices[0].delta.content or "" async for c in stream]
            return [plain.choices[0].message.content or "", "".join(streamed)]

    assert asyncio.run(ask()) == ["The capital of France is Paris."] * 2


def test_a_conversation_through_an_alias(client: OpenAI) -> None:
    messages = [
        {"role": "developer", "content": "You answer in one short sentence."},
        {"role": "user", "content": [{"type": "text", "text": "My name is Ann."}]},
    ]
    first = client.chat.completions.create(
        model="gpt-4o-mini",
        messages=messages,  # type: ignore[arg-type]
        max_completion_tokens=30,
    )
    # What the client library read is sent back as it is.
    history = [*messages, first.choices[0].message, *asking("What is my name?")]
    second = client.chat.completions.create(
        model="gpt-4o-mini", messages=history, max_completion_tokens=30
    )
    assert second.model == "gpt-4o-mini"
    assert second.choices[0].message.content
    assert second.usage is not None
    assert first.usage is not None
    assert second.usage.prompt_tokens > first.usage.total_tokens


def test_length_and_stop(client: OpenAI) -> None:
    cut = client.chat.completions.create(model=MODEL, messages=SEA, max_tokens=12)
    assert cut.choices[0].finish_reason == "length"
    assert cut.usage is not None
    assert cut.usage.completion_tokens == 12
    stopped = client.chat.completions.create(model=MODEL, messages=SEA, max_tokens=60, stop=["."])
    assert stopped.choices[0].finish_reason == "stop"
    assert "." not in (stopped.choices[0].message.content or ".")


def test_three_unseeded_samples_are_three_answers_in_the_same_order(tape: FakeLLMServer) -> None:
    def samples(server: FakeLLMServer) -> list[str | None]:
        with OpenAI(**server.openai_client_args()) as client:
            return [
                client.chat.completions.create(
                    model=MODEL, messages=asking("Name an animal."), temperature=1, max_tokens=12
                )
                .choices[0]
                .message.content
                for _ in range(3)
            ]

    first = samples(tape)
    assert len(set(first)) == 3
    assert len({call.keys for call in tape.calls}) == 3
    with FakeLLMServer(cache=CASSETTES, mode="replay") as again:
        assert samples(again) == first


def test_choices_are_distinct_samples_also_in_streams(client: OpenAI) -> None:
    options: Any = {
        "model": MODEL,
        "messages": asking("Name a colour."),
        "temperature": 1,
        "seed": 5,
        "n": 3,
        "max_tokens": 8,
    }
    completion = client.chat.completions.create(**options)
    texts = [choice.message.content for choice in completion.choices]
    assert len(set(texts)) == 3
    assert completion.usage is not None
    assert completion.usage.completion_tokens <= 24
    streamed = ["", "", ""]
    for chunk in client.chat.completions.create(**options, stream=True):
        for choice in chunk.choices:
            streamed[choice.index] += choice.delta.content or ""
    assert streamed == texts


def test_models(client: OpenAI) -> None:
    assert [model.id for model in client.models.list()] == [MODEL, "gpt-4o-mini"]
    assert client.models.retrieve("gpt-4o-mini").id == "gpt-4o-mini"
    with pytest.raises(NotFoundError):
        client.models.retrieve("gpt-17")


def test_errors_are_the_exceptions_that_openai_raises(client: OpenAI, tape: FakeLLMServer) -> None:
    with pytest.raises(NotFoundError) as unknown:
        client.chat.completions.create(model="gpt-17", messages=SEA)
    assert unknown.value.code == "model_not_found"
    with pytest.raises(BadRequestError) as hot:
        client.chat.completions.create(model=MODEL, messages=SEA, temperature=3)
    assert (hot.value.param, hot.value.code) == ("temperature", "decimal_above_max_value")
    with pytest.raises(BadRequestError) as unbuilt:
        client.chat.completions.create(model=MODEL, messages=SEA, tools=[])
    assert unbuilt.value.param == "tools"
    assert len(tape.calls) == 3


def test_a_miss_is_asked_once_and_kept_for_check() -> None:
    with (
        FakeLLMServer(cache=CASSETTES, mode="replay") as server,
        OpenAI(**server.openai_client_args()) as client,
    ):
        with pytest.raises(APIStatusError) as missed:
            client.chat.completions.create(model=MODEL, messages=asking(f"{QUESTION}?"))
        assert missed.value.code == "recording_not_found"
        assert "'What is the capital of France' → 'What is the capital of France?'" in str(
            missed.value
        )
        assert len(server.calls) == 1
        with pytest.raises(CheckError, match="capital of France"):
            server.check()
