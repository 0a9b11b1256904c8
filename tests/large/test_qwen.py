"""What the model for code is there for: code that runs, tools that are called, JSON that is right.

The answers of one version of llama.cpp: where another one says something else as good, change what
is expected.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI
from openai.types.chat import ChatCompletion

from slmtape import FakeLLMServer
from slmtape.models.catalogue import MODELS
from slmtape.models.files import ModelFiles
from slmtape.models.header import shape
from tests.models.needs import assert_its_need_is_told

pytestmark = [pytest.mark.live, pytest.mark.large]

CODE = "Write a Python function is_prime(n: int) -> bool. Only the code."
WEATHER = "What is the weather in Paris, in celsius?"


def tool(name: str, description: str, **properties: Any) -> dict[str, Any]:
    parameters = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    about = {"name": name, "description": description, "parameters": parameters, "strict": True}
    return {"type": "function", "function": about}


TOOLS = [
    tool(
        "get_weather",
        "The weather of a city now.",
        city={"type": "string"},
        unit={"type": "string", "enum": ["celsius", "fahrenheit"]},
    ),
    tool("get_time", "The local time of a city.", city={"type": "string"}),
]
PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "age": {"type": "integer"},
        "city": {"type": "string"},
    },
    "required": ["name", "age", "city"],
    "additionalProperties": False,
}


def ask(client: OpenAI, *messages: Any, **options: Any) -> ChatCompletion:
    told: list[Any] = [
        {"role": "user", "content": one} if isinstance(one, str) else one for one in messages
    ]
    answer = client.chat.completions.create(
        model="model", messages=told, **({"max_tokens": 120} | options)
    )
    assert isinstance(answer, ChatCompletion)
    return answer


@pytest.fixture(scope="module")
def code(ask_qwen: OpenAI) -> ChatCompletion:
    return ask(ask_qwen, CODE)


def test_code_that_it_writes_is_right(code: ChatCompletion) -> None:
    said = code.choices[0].message.content or ""
    _, fence, rest = said.partition("```python\n")
    assert fence
    check = "assert [n for n in range(-3, 40) if is_prime(n)] == [2,3,5,7,11,13,17,19,23,29,31,37]"
    program = f"{rest.partition('```')[0]}\n{check}\nprint('checked')"
    ran = subprocess.run(
        [sys.executable, "-I", "-c", program], capture_output=True, text=True, timeout=30
    )
    assert ran.stdout == "checked\n", ran.stderr


@pytest.mark.nightly
def test_another_server_streams_the_same_answer(qwen: Path, code: ChatCompletion) -> None:
    with (
        FakeLLMServer(str(qwen), mode="live", aliases={"model": qwen.stem}) as server,
        OpenAI(**server.openai_client_args()) as client,
    ):
        chunks = list(
            client.chat.completions.create(
                model="model",
                messages=[{"role": "user", "content": CODE}],
                max_tokens=120,
                stream=True,
                stream_options={"include_usage": True},
            )
        )
    choices = [choice for chunk in chunks for choice in chunk.choices]
    assert "".join(choice.delta.content or "" for choice in choices) == (
        code.choices[0].message.content
    )
    assert choices[-1].finish_reason == code.choices[0].finish_reason == "stop"
    assert chunks[-1].usage == code.usage
    assert len(choices) > 40


@pytest.mark.parametrize("choice", ["auto", "required"])
def test_a_tool_is_called_as_its_own_template_teaches_it(ask_qwen: OpenAI, choice: str) -> None:
    answer = ask(ask_qwen, WEATHER, tools=TOOLS, tool_choice=choice).choices[0]
    assert answer.finish_reason == "tool_calls"
    [call] = answer.message.tool_calls or []
    assert call.type == "function"
    assert call.function.name == "get_weather"
    assert json.loads(call.function.arguments) == {"city": "Paris", "unit": "celsius"}


def test_a_question_that_needs_no_tool_is_answered(ask_qwen: OpenAI) -> None:
    answer = ask(ask_qwen, "What is 2 + 3? Answer with the number only.", tools=TOOLS).choices[0]
    assert answer.finish_reason == "stop"
    assert answer.message.tool_calls is None
    assert (answer.message.content or "").strip() == "5"


def test_an_answer_uses_what_a_tool_has_told(ask_qwen: OpenAI) -> None:
    arguments = '{"city": "Paris", "unit": "celsius"}'
    call = {"name": "get_weather", "arguments": arguments}
    answer = ask(
        ask_qwen,
        WEATHER,
        {
            "role": "assistant",
            "tool_calls": [{"id": "call_1", "type": "function", "function": call}],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": '{"degrees": 21, "sky": "sunny"}'},
        tools=TOOLS,
        tool_choice="none",  # this model would ask again and again
    ).choices[0]
    assert answer.finish_reason == "stop"
    said = answer.message.content or ""
    assert "21" in said
    assert "sunny" in said


def test_json_by_a_schema_is_not_only_valid_but_right(ask_qwen: OpenAI) -> None:
    form = {
        "type": "json_schema",
        "json_schema": {"name": "person", "schema": PERSON, "strict": True},
    }
    answer = ask(
        ask_qwen, "Extract: Ann Miller is 34 years old and lives in Oslo.", response_format=form
    ).choices[0]
    assert json.loads(answer.message.content or "") == {
        "name": "Ann Miller",
        "age": 34,
        "city": "Oslo",
    }


def test_its_header_says_what_is_known_of_it(qwen: Path) -> None:
    assert shape(ModelFiles((qwen,))) == MODELS["qwen-2.5-coder-1.5b"].shape


@pytest.mark.nightly
def test_its_need_of_memory_is_what_a_process_takes(qwen: Path) -> None:
    assert_its_need_is_told(qwen)
