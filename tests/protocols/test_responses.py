"""Responses without a server: a body in, a request out."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmtape.errors import RequestError
from slmtape.generation import (
    GenerationRequest,
    GenerationResult,
    JsonFormat,
    Message,
    Tool,
    ToolCall,
)
from slmtape.protocols.openai.responses import parse_count
from slmtape.protocols.openai.responses_body import COUNTED, FIELDS
from slmtape.protocols.openai.responses_items import ITEMS
from tests.protocols.responding import (
    SERVED,
    answer,
    asking,
    call,
    called,
    function,
    incoming,
)


def test_a_body_with_everything_is_understood() -> None:
    parsed = call(
        asking(
            [{"role": "user", "content": "Say it in JSON."}],
            model="gpt-4o-mini",
            instructions="Be brief.",
            temperature=0.5,
            top_p=0.9,
            max_output_tokens=20,
            tools=[function(description="F")],
            tool_choice={"type": "function", "name": "f"},
            text={"format": {"type": "json_object"}, "verbosity": "low"},
            reasoning={"effort": "low", "summary": "auto"},
            include=["message.output_text.logprobs", "reasoning.encrypted_content"],
            top_logprobs=3,
            stream=True,
            stream_options={"include_obfuscation": False},
            max_tool_calls=3,
            truncation="auto",
            service_tier="flex",
            metadata={"a": "b"},
            user="ann",
            safety_identifier="x",
            prompt_cache_key="k",
            prompt_cache_retention="24h",
            prompt_cache_options={"mode": "implicit"},
            context_management=[{"type": "compaction", "compact_threshold": 2000}],
            background_options={"completion_window": "soonest"},
            moderation={"model": "omni-moderation-latest"},
            image={"context_compression": "auto"},
        )
    )
    assert parsed.request == GenerationRequest(
        model="echo",
        messages=(Message("system", "Be brief."), Message("user", "Say it in JSON.")),
        temperature=0.5,
        top_p=0.9,
        max_tokens=20,
        tools=(Tool("f", "F", '{"type":"object"}'),),
        tool_choice="required",
        allowed_tools=("f",),
        parallel_tool_calls=False,
        response_format=JsonFormat(),
        reasoning_effort="low",
        top_logprobs=3,
        truncate=True,
    )
    assert (parsed.stream, parsed.background, parsed.encrypted) == (True, False, True)


@pytest.mark.parametrize(
    ("said", "messages"),
    [
        ("hi", [Message("user", "hi")]),
        ([{"role": "assistant", "content": "a"}], [Message("assistant", "a")]),
        ([{"type": "message", "role": "developer", "content": []}], [Message("system", "")]),
        (
            [
                {
                    "role": "user",
                    "content": [
                        {"type": "input_text", "text": "a"},
                        {"type": "input_image", "image_url": "https://x/y.png", "detail": "low"},
                        {"type": "input_image", "file_id": "file-1", "detail": "auto"},
                        {"type": "input_file", "filename": "b.txt", "file_id": "file-2"},
                    ],
                }
            ],
            [
                Message(
                    "user", "a\n[image: https://x/y.png]\n[image: file-1]\n[file: b.txt, file-2]"
                )
            ],
        ),
        (
            [{"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}],
            [Message("assistant", "No.")],
        ),
        (
            [{"id": "rs_1", "type": "reasoning", "summary": []}, {"role": "user", "content": "x"}],
            [Message("user", "x")],
        ),
        (
            [
                {"role": "assistant", "content": "Let me see."},
                {"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "x"},
                called("call_a"),
                called("call_b", name="g", arguments='{"x":1}'),
                answer("call_b", "B"),
                answer("call_a", [{"type": "input_text", "text": "A"}]),
            ],
            [
                Message(
                    "assistant",
                    "Let me see.",
                    tool_calls=(
                        ToolCall("f", "{}", "call_0"),
                        ToolCall("g", '{"x":1}', "call_1"),
                    ),
                ),
                Message("tool", "B", tool_call_id="call_1"),
                Message("tool", "A", tool_call_id="call_0"),
            ],
        ),
        (
            [called("a"), answer("a"), called("b"), answer("b")],
            [
                Message("assistant", "", tool_calls=(ToolCall("f", "{}", "call_0"),)),
                Message("tool", "sunny", tool_call_id="call_0"),
                Message("assistant", "", tool_calls=(ToolCall("f", "{}", "call_1"),)),
                Message("tool", "sunny", tool_call_id="call_1"),
            ],
        ),
    ],
    ids=["text", "easy", "no parts", "parts", "refusal", "reasoning", "calls", "turns"],
)
def test_items_become_messages(said: Any, messages: list[Message]) -> None:
    assert list(call(asking(said)).request.messages) == messages


def test_temperature_is_zero_where_it_is_not_given() -> None:
    assert call(asking()).request.temperature == 0


def test_log_probabilities_are_asked_for_by_including_them() -> None:
    assert call(asking(top_logprobs=2)).request.top_logprobs is None
    assert call(asking(include=["message.output_text.logprobs"])).request.top_logprobs == 0


def test_a_schema_is_the_form_of_the_answer() -> None:
    schema = {"type": "object", "properties": {"b": {}, "a": {}}}
    text = {"format": {"type": "json_schema", "name": "n", "schema": schema, "description": "d"}}
    parsed = call(asking(text=text))
    assert parsed.request.response_format == JsonFormat(
        '{"type":"object","properties":{"b":{},"a":{}}}', "d"
    )
    assert parsed.settings["text"]["format"] == text["format"] | {"strict": False}


def test_null_means_not_given() -> None:
    nothing = dict.fromkeys(name for name in FIELDS if name not in ("model", "input"))
    asked, plain = call(asking(**nothing)), call(asking())
    assert (asked.request, asked.settings) == (plain.request, plain.settings)


@pytest.mark.parametrize(
    "change",
    [
        {"stream": True},
        {"store": False},
        {"background": True},
        {"metadata": {"a": "b"}},
        {"user": "u"},
        {"text": {"verbosity": "high"}},
        {"text": {"format": {"type": "text"}}},
        {"reasoning": {"summary": "auto"}},
        {"include": ["reasoning.encrypted_content"]},
        {"service_tier": "flex"},
        {"tool_choice": "auto", "parallel_tool_calls": False},
        {"max_tool_calls": 1},
    ],
    ids=str,
)
def test_what_changes_no_answer_changes_no_request(change: dict[str, Any]) -> None:
    assert call(asking(**change)).request == call(asking()).request


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
MEMBERS = ("type", "role", "content", "call_id", "name", "arguments", "output", "id", "summary")
VALUES = JSON | st.sampled_from([*ITEMS, "user", "input_text", "output_text"])
THINGS = st.dictionaries(st.sampled_from(MEMBERS), VALUES, max_size=6)


@given(st.dictionaries(st.sampled_from([*FIELDS, "else"]), JSON, max_size=6), st.booleans())
def test_any_json_is_understood_or_refused(body: dict[str, Any], whole: bool) -> None:
    # Any other exception than a RequestError would be a 500.
    with suppress(RequestError):
        assert call(asking() | body if whole else body).request.model == "echo"


@given(st.lists(THINGS | st.fixed_dictionaries({"role": st.just("user"), "content": VALUES})))
def test_any_items_are_understood_or_refused(items: list[Any]) -> None:
    with suppress(RequestError):
        assert call(asking(items)).request.model == "echo"


def test_a_prompt_is_counted_apart_from_how_it_is_answered() -> None:
    asked = {"instructions": "Be brief.", "tools": [function()]}
    counted = parse_count(incoming(asking(**asked, personality="friendly")))
    assert counted.request == GenerationRequest(
        model="echo",
        messages=(Message("system", "Be brief."), Message("user", "hi")),
        tools=(Tool("f", None, '{"type":"object"}'),),
        max_tokens=0,
    )
    result = GenerationResult(
        pieces=(), finish_reason="length", prompt_tokens=7, completion_tokens=0
    )
    told = json.loads(counted.render(["a" * 16], [result]))
    assert told == {"object": "response.input_tokens", "input_tokens": 7}


@pytest.mark.parametrize("name", sorted(set(FIELDS) - set(COUNTED)))
def test_what_decides_only_the_answer_is_unknown_where_a_prompt_is_counted(name: str) -> None:
    with pytest.raises(RequestError) as caught:
        parse_count(incoming(asking(**{name: 1}), SERVED))
    assert (caught.value.param, caught.value.code) == (name, "unknown_parameter")
