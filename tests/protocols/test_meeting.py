"""What Chat Completions recorded, the Responses API replays, and the other way round."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slmtape import FakeLLMServer
from slmtape.generation import GenerationResult
from tests.support import EchoEngine, ask

PLACE = {"type": "object", "properties": {"city": {"type": "string"}}}
WEATHER = {"name": "weather", "description": "Tells the weather.", "parameters": PLACE}
CHAT_TOOL = {"type": "function", "function": WEATHER}
TOOL = {"type": "function", **WEATHER}
ANSWER = {"name": "answer", "schema": PLACE, "strict": False, "description": "Where."}
PICTURE = "data:image/png;base64,iVBORw0KGgo="

PAIRS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "plain": ({"messages": [{"role": "user", "content": "hi there"}]}, {"input": "hi there"}),
    "settings": (
        {
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "hi"},
            ],
            "max_completion_tokens": 16,
            "top_p": 0.5,
            "temperature": 0,
            "reasoning_effort": "low",
            "verbosity": "low",
            "logprobs": True,
            "top_logprobs": 2,
        },
        {
            "instructions": "Be brief.",
            "input": [{"role": "user", "content": [{"type": "input_text", "text": "hi"}]}],
            "max_output_tokens": 16,
            "top_p": 0.5,
            "temperature": 0,
            "reasoning": {"effort": "low"},
            "text": {"verbosity": "low"},
            "include": ["message.output_text.logprobs"],
            "top_logprobs": 2,
        },
    ),
    "sampled": (
        {"messages": [{"role": "user", "content": "hi"}], "temperature": 0.7},
        {"input": "hi", "temperature": 0.7},
    ),
    "tools": (
        {
            "messages": [{"role": "user", "content": 'Wait.\ncall weather {"city":"Oslo"}'}],
            "tools": [CHAT_TOOL],
            "parallel_tool_calls": False,
        },
        {
            "input": 'Wait.\ncall weather {"city":"Oslo"}',
            "tools": [TOOL],
            "parallel_tool_calls": False,
        },
    ),
    "a named tool": (
        {
            "messages": [{"role": "user", "content": "now"}],
            "tools": [CHAT_TOOL],
            "tool_choice": {"type": "function", "function": {"name": "weather"}},
        },
        {
            "input": "now",
            "tools": [TOOL],
            "tool_choice": {"type": "function", "name": "weather"},
        },
    ),
    "allowed tools": (
        {
            "messages": [{"role": "user", "content": "now"}],
            "tools": [CHAT_TOOL, {"type": "function", "function": {"name": "other"}}],
            "tool_choice": {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "required",
                    "tools": [{"type": "function", "function": {"name": "weather"}}],
                },
            },
        },
        {
            "input": "now",
            "tools": [TOOL, {"type": "function", "name": "other"}],
            "tool_choice": {
                "type": "allowed_tools",
                "mode": "required",
                "tools": [{"type": "function", "name": "weather"}],
            },
        },
    ),
    "no tool": (
        {
            "messages": [{"role": "user", "content": "hi"}],
            "tools": [CHAT_TOOL],
            "tool_choice": "none",
        },
        {"input": "hi", "tools": [TOOL], "tool_choice": "none"},
    ),
    "a schema": (
        {
            "messages": [{"role": "user", "content": "{}"}],
            "response_format": {"type": "json_schema", "json_schema": ANSWER},
        },
        {"input": "{}", "text": {"format": {"type": "json_schema", **ANSWER}}},
    ),
    "any JSON": (
        {
            "messages": [{"role": "user", "content": "json"}],
            "response_format": {"type": "json_object"},
        },
        {"input": "json", "text": {"format": {"type": "json_object"}}},
    ),
    "several turns": (
        {
            "messages": [
                {"role": "developer", "content": "Be brief."},
                {"role": "user", "content": "And Oslo?"},
                {
                    "role": "assistant",
                    "content": "Let me see.",
                    "tool_calls": [
                        {"id": "a", "type": "function", "function": call}
                        for call in (
                            {"name": "weather", "arguments": '{"city": "Oslo"}'},
                            {"name": "weather", "arguments": "{}"},
                        )
                    ],
                },
                {"role": "tool", "tool_call_id": "a", "content": "sun"},
                {"role": "tool", "tool_call_id": "b", "content": "rain\nwind"},
                {"role": "assistant", "content": "Sun."},
                {"role": "user", "content": "Thanks"},
            ],
            "tools": [CHAT_TOOL],
        },
        {
            "input": [
                {"role": "developer", "content": "Be brief."},
                {"role": "user", "content": "And Oslo?"},
                {
                    "type": "message",
                    "id": "msg_1",
                    "status": "completed",
                    "role": "assistant",
                    "content": [{"type": "output_text", "text": "Let me see.", "annotations": []}],
                },
                {
                    "type": "function_call",
                    "call_id": "x",
                    "name": "weather",
                    "arguments": '{"city":"Oslo"}',
                },
                {"type": "function_call", "call_id": "y", "name": "weather", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "x", "output": "sun"},
                {
                    "type": "function_call_output",
                    "call_id": "y",
                    "output": [
                        {"type": "input_text", "text": "rain"},
                        {"type": "input_text", "text": "wind"},
                    ],
                },
                {"role": "assistant", "content": "Sun."},
                {"role": "user", "content": "Thanks"},
            ],
            "tools": [TOOL],
        },
    ),
    "media": (
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "Look:"},
                        {"type": "image_url", "image_url": {"url": PICTURE}},
                        {"type": "file", "file": {"file_id": "file-1"}},
                    ],
                }
            ]
        },
        {
            "input": [
                {
                    "role": "user",
                    "content": [
                        {"type": "input_text", "text": "Look:"},
                        {"type": "input_image", "image_url": PICTURE, "detail": "auto"},
                        {"type": "input_file", "file_id": "file-1"},
                    ],
                }
            ]
        },
    ),
}
# Ids of calls only say which result is whose.
PAIRS["several turns"][0]["messages"][2]["tool_calls"][1]["id"] = "b"


def post(server: FakeLLMServer, path: str, body: dict[str, Any]) -> Any:
    reply = ask(server.base_url, {"model": "echo", **body}, path=path)
    assert reply.status == 200, reply.body
    return reply.json


@pytest.mark.parametrize("chat_first", [True, False], ids=["chat first", "responses first"])
@pytest.mark.parametrize("pair", PAIRS)
def test_what_one_recorded_the_other_replays(
    serve: Callable[..., FakeLLMServer],
    echo: EchoEngine,
    tmp_path: Path,
    pair: str,
    chat_first: bool,
) -> None:
    calls = list(zip(("/chat/completions", "/responses"), PAIRS[pair], strict=True))
    first, second = calls if chat_first else calls[::-1]
    with serve(cache=tmp_path / "cassettes") as server:
        post(server, *first)
        [recorded] = server.calls
    with serve(cache=tmp_path / "cassettes", mode="replay") as server:
        post(server, *second)
        [replayed] = server.calls
    assert replayed.replayed
    assert replayed.requests == recorded.requests
    assert replayed.keys == recorded.keys
    assert echo.runs == 1


def test_an_answers_call_has_one_id_in_both(serve: Callable[..., FakeLLMServer]) -> None:
    server = serve()
    chat, responses = PAIRS["tools"]
    message = post(server, "/chat/completions", chat)["choices"][0]["message"]
    said, called = post(server, "/responses", responses)["output"]
    [call] = message["tool_calls"]
    assert message["content"] == said["content"][0]["text"] == "Wait."
    assert called["call_id"] == call["id"]
    assert {name: called[name] for name in ("name", "arguments")} == call["function"]


def test_turns_that_the_server_remembers_are_those_that_chat_sends(
    serve: Callable[..., FakeLLMServer],
) -> None:
    server = serve()
    first = post(server, "/responses", {"input": "Oslo\ncall weather {}", "tools": [TOOL]})
    called = first["output"][1]
    answer = {"type": "function_call_output", "call_id": called["call_id"], "output": "sun"}
    more = {"previous_response_id": first["id"], "input": [answer], "tools": [TOOL]}
    post(server, "/responses", more)
    remembered = server.calls.last
    calls = [
        {
            "id": called["call_id"],
            "type": "function",
            "function": {"name": "weather", "arguments": "{}"},
        }
    ]
    messages = [
        {"role": "user", "content": "Oslo\ncall weather {}"},
        {"role": "assistant", "content": "Oslo", "tool_calls": calls},
        {"role": "tool", "tool_call_id": called["call_id"], "content": "sun"},
    ]
    post(server, "/chat/completions", {"messages": messages, "tools": [CHAT_TOOL]})
    assert server.calls.last.keys == remembered.keys


def test_logprobs_are_the_same_in_both(serve: Callable[..., FakeLLMServer]) -> None:
    server = serve()
    chat, responses = PAIRS["settings"]
    choice = post(server, "/chat/completions", chat)["choices"][0]
    [message] = post(server, "/responses", responses)["output"]
    assert message["content"][0]["logprobs"] == choice["logprobs"]["content"]
    assert isinstance(server.calls.last.results[0], GenerationResult)
