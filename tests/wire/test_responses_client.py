"""Responses through the real openai client: parsed, streamed, looped over, replayed."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI, BadRequestError, NotFoundError, OpenAI, pydantic_function_tool
from pydantic import BaseModel

from slmtape import FakeLLMServer
from tests.support import ask


class Weather(BaseModel):
    """Tells the weather."""

    city: str


TOOL: Any = {"type": "function", **pydantic_function_tool(Weather, name="weather")["function"]}
ASKED = 'Wait. call\ncall weather {"city":"Oslo"}\ncall weather {"city":"Rome"}'


@pytest.fixture
def client(serve: Callable[..., FakeLLMServer]) -> Iterator[OpenAI]:
    with OpenAI(**serve().openai_client_args()) as client:
        yield client


def test_a_stream_comes_to_the_plain_answer(client: OpenAI) -> None:
    asked: Any = {"model": "echo", "input": f"<hm>\n{ASKED}", "tools": [TOOL], "store": False}
    with client.responses.stream(**asked) as stream:
        said = "".join(
            event.delta for event in stream if event.type == "response.output_text.delta"
        )
        final = stream.get_final_response()
    plain = client.responses.create(**asked)
    assert said == plain.output_text == "Wait. call"
    assert (final.id, final.usage) == (plain.id, plain.usage)
    assert [item.to_dict()["id"] for item in final.output] == [
        item.to_dict()["id"] for item in plain.output
    ]
    *_, last = client.responses.create(**asked, stream=True)
    assert last.response == plain


def test_an_answer_is_parsed(client: OpenAI) -> None:
    parsed = client.responses.parse(model="echo", input='{"city":"Oslo"}', text_format=Weather)
    assert parsed.output_parsed == Weather(city="Oslo")
    with client.responses.stream(
        model="echo", input='{"city":"Oslo"}', text_format=Weather
    ) as stream:
        assert stream.get_final_response().output_parsed == Weather(city="Oslo")


def test_a_loop_over_calls_sends_everything_back(client: OpenAI) -> None:
    items: list[Any] = [{"role": "user", "content": f"<hm>\n{ASKED}"}]
    response = client.responses.parse(model="echo", input=items, tools=[TOOL])
    calls = [item for item in response.output if item.type == "function_call"]
    assert [call.parsed_arguments for call in calls] == [{"city": "Oslo"}, {"city": "Rome"}]
    items += response.output
    items += [
        {"type": "function_call_output", "call_id": call.call_id, "output": f"sun in {call.name}"}
        for call in calls
    ]
    done = client.responses.create(model="echo", input=items, tools=[TOOL])
    assert done.output_text == "sun in weather"


def test_an_asynchronous_client_is_answered(serve: Callable[..., FakeLLMServer]) -> None:
    async def texts() -> list[str]:
        async with AsyncOpenAI(**serve().openai_client_args()) as client:
            async with client.responses.stream(model="echo", input="a b") as stream:
                final = await stream.get_final_response()
            plain = await client.responses.create(model="echo", input="a b")
            return [final.output_text, plain.output_text]

    assert asyncio.run(texts()) == ["a b", "a b"]


def test_a_mistake_is_told_in_the_clients_own_exception(client: OpenAI) -> None:
    with pytest.raises(BadRequestError) as caught:
        client.responses.create(model="gpt-9", input="hi")
    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")
    with pytest.raises(NotFoundError):
        client.responses.retrieve("resp_x")


BODIES: dict[str, dict[str, Any]] = {
    "text": {"input": "a b"},
    "calls": {"input": ASKED, "tools": [TOOL]},
    "thoughts": {"input": f"<hm> {ASKED}", "tools": [TOOL], "parallel_tool_calls": False},
    "cut off": {"input": "x " * 20, "max_output_tokens": 16},
    "logprobs": {
        "input": "a b",
        "include": ["message.output_text.logprobs"],
        "top_logprobs": 3,
    },
    "sampled": {"input": "a b", "temperature": 1},
    "lenient": {"input": "a b", "top_k": 5},
}


@pytest.mark.parametrize("name", BODIES)
def test_live_and_replayed_answers_are_the_same_bytes(
    serve: Callable[..., FakeLLMServer], tmp_path: Path, name: str
) -> None:
    body = {"model": "echo", **BODIES[name]}
    cache = tmp_path / "cassettes"
    recording = serve(lenient=True, cache=cache)
    for stream in (True, False):
        asked = body | {"stream": stream}
        first = ask(recording.base_url, asked, path="/responses")
        replaying = serve(lenient=True, cache=cache, mode="replay")
        if not stream:
            ask(replaying.base_url, asked, path="/responses")  # how often decides ids and seeds
        again = ask(replaying.base_url, asked, path="/responses")
        assert first.status == 200
        assert first.body == again.body
        assert replaying.calls.last.replayed


def test_a_count_is_recorded_like_an_answer(
    serve: Callable[..., FakeLLMServer], tmp_path: Path
) -> None:
    body = {"model": "echo", "input": "a b", "tools": [TOOL]}
    cache = tmp_path / "cassettes"
    first = ask(serve(cache=cache).base_url, body, path="/responses/input_tokens")
    replaying = serve(cache=cache, mode="replay")
    again = ask(replaying.base_url, body, path="/responses/input_tokens")
    assert first.json == again.json == {"object": "response.input_tokens", "input_tokens": 1}
    assert replaying.calls.last.replayed
