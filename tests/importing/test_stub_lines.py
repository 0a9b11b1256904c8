"""The lines that aimock's fixtures become do what the fixtures did."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI, RateLimitError

from slmtape import FakeLLMServer, Reply, Usage, faults
from slmtape.importing import aimock
from slmtape.importing.aimock_stubs import Stub

RECORDED = json.loads((Path(__file__).parent / "aimock.json").read_text(encoding="utf-8"))
WEATHER: Any = {"type": "function", "function": {"name": "get_weather"}}


def stubbed(server: FakeLLMServer, *fixtures: Any) -> None:
    """Have the server do what the fixtures do."""
    for one in aimock.imported({"fixtures": list(fixtures)}, "echo"):
        if isinstance(one, Stub):
            exec(one.line, {"server": server, "Reply": Reply, "Usage": Usage, "faults": faults})


def test_what_aimock_recorded_is_answered_by_stubs(serve: Callable[..., FakeLLMServer]) -> None:
    server = serve(mode="live", aliases={"*": "echo"})
    stubbed(server, *RECORDED["fixtures"])
    with OpenAI(**server.openai_client_args()) as client:

        def ask(text: str, **more: Any) -> Any:
            messages: list[Any] = [{"role": "user", "content": text}]
            return client.chat.completions.create(model="gpt-4o-mini", messages=messages, **more)

        briefly = ask("And briefly?")
        assert briefly.choices[0].message.content == "Hello! How can I help you today?"
        assert briefly.usage.total_tokens == 21
        called = ask("Weather in Paris and Rome?", tools=[WEATHER]).choices[0]
        arguments = [call.function.arguments for call in called.message.tool_calls]
        assert arguments == ['{"city":"Paris"}', '{"city":"Rome"}']
        with pytest.raises(RateLimitError, match="Rate limit reached"):
            client.with_options(max_retries=0).chat.completions.create(
                model="gpt-4o-mini", messages=[{"role": "user", "content": "slow down"}]
            )
        assert ask("something else").choices[0].message.content == "something else"
    server.check()


def test_hints_of_a_request_are_what_a_stub_asks_for(serve: Callable[..., FakeLLMServer]) -> None:
    server = serve(mode="live", aliases={"*": "echo"})
    hints: list[tuple[dict[str, Any], str]] = [
        ({"systemMessage": ["be", "kind"], "userMessage": "hi"}, "kindly"),
        ({"toolName": "get_weather"}, "with the tool"),
        ({"hasToolResult": True, "toolResultContains": "21"}, "after the tool"),
        ({"turnIndex": 1}, "the second turn"),
        ({"responseFormat": "json_object"}, '{"a": 1}'),
    ]
    stubbed(server, *({"match": m, "response": {"content": text}} for m, text in hints))
    user = {"role": "user", "content": "hi"}
    call = {"id": "c", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
    bodies: list[dict[str, Any]] = [
        {"messages": [{"role": "system", "content": "be kind"}, user]},
        {"messages": [user], "tools": [WEATHER]},
        {
            "messages": [
                user,
                {"role": "assistant", "tool_calls": [call]},
                {"role": "tool", "tool_call_id": "c", "content": "21 degrees"},
            ]
        },
        {"messages": [user, {"role": "assistant", "content": "ho"}, user]},
        {
            "messages": [{"role": "user", "content": "as json"}],
            "response_format": {"type": "json_object"},
        },
    ]
    with OpenAI(**server.openai_client_args()) as client:
        for body, (_, text) in zip(bodies, hints, strict=True):
            answer = client.chat.completions.create(model="m", **body)
            assert answer.choices[0].message.content == text
    server.check()
