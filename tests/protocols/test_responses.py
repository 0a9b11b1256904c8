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
from slmtape.protocols import Served
from slmtape.protocols.openai.responses import parse_count
from slmtape.protocols.openai.responses_body import COUNTED, FIELDS
from slmtape.protocols.openai.responses_items import ITEMS
from slmtape.protocols.openai.wire import Treatment
from tests.protocols.responding import (
    SERVED,
    answer,
    asking,
    call,
    called,
    function,
    incoming,
    refusal,
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
    )
    assert (parsed.stream, parsed.background, parsed.encrypted) == (True, False, True)


@pytest.mark.parametrize(
    ("said", "messages"),
    [
        ("hi", [Message("user", "hi")]),
        ([{"role": "assistant", "content": "a"}], [Message("assistant", "a")]),
        ([{"type": "message", "role": "developer", "content": []}], [Message("developer", "")]),
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
        '{"type":"object","properties":{"b":{},"a":{}}}', "n", "d"
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
        {"truncation": "auto"},
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


INPUT = {"role": "user", "content": "hi"}
MISTAKES: list[tuple[dict[str, Any], str | None, str | None, str]] = [
    ({"model": None}, "model", "invalid_type", "expected a string, but got null"),
    ({"model": 5}, "model", "invalid_type", "expected a string, but got an integer"),
    ({"model": "gpt-9"}, "model", "model_not_found", "The requested model 'gpt-9' does not exist"),
    ({"input": None}, "input", "missing_required_parameter", "Missing required parameter"),
    ({"input": ""}, None, "missing_required_parameter", 'One of "input" or'),
    ({"input": []}, None, "missing_required_parameter", 'One of "input" or'),
    ({"input": 5}, "input", "invalid_type", "one of a string or array of objects, but got an int"),
    ({"input": ["hi"]}, "input[0]", "invalid_type", "expected an object, but got a string"),
    ({"messages": []}, "messages", "unsupported_parameter", "has moved to 'input'"),
    ({"max_tokens": 5}, "max_tokens", "unsupported_parameter", "moved to 'max_output_tokens'"),
    ({"response_format": {}}, "response_format", "unsupported_parameter", "'text.format'"),
    (
        {"input": [INPUT, {"role": "robot", "content": "x"}]},
        "input[1]",
        "invalid_value",
        "Supported values are: 'assistant', 'system', 'developer', and 'user'.",
    ),
    ({"input": [{"content": "x"}]}, "input[0].role", "missing_required_parameter", "role"),
    ({"input": [{"role": "user"}]}, "input[0].content", "missing_required_parameter", "content"),
    (
        {"input": [{"role": "user", "content": 5}]},
        "input[0].content",
        "invalid_type",
        "expected one of a string or array of objects, but got an integer",
    ),
    ({"input": [INPUT | {"mood": 1}]}, "input[0].mood", "unknown_parameter", "Unknown parameter"),
    ({"input": [INPUT | {"name": "x"}]}, "input[0].name", "unknown_parameter", ""),
    ({"input": [INPUT | {"status": "good"}]}, "input[0].status", "invalid_value", "'completed'"),
    (
        {"input": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]},
        "input[0].content[0].type",
        "invalid_value",
        "Supported values are: 'input_text', 'input_image', and 'input_file'.",
    ),
    (
        {"input": [{"role": "assistant", "content": [{"type": "input_text", "text": "x"}]}]},
        "input[0].content[0].type",
        "invalid_value",
        "Supported values are: 'output_text' and 'refusal'.",
    ),
    (
        {"input": [{"role": "user", "content": [{"text": "x"}]}]},
        "input[0].content[0].type",
        "missing_required_parameter",
        "",
    ),
    (
        {"input": [{"role": "user", "content": ["x"]}]},
        "input[0].content[0]",
        "invalid_type",
        "expected an object",
    ),
    (
        {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "cat"}]}]},
        "input[0].content[0].image_url",
        "invalid_value",
        "Expected a valid URL",
    ),
    ({"input": [{"type": "dance"}]}, "input[0]", "invalid_value", "Invalid value: 'dance'"),
    (
        {"input": [{"type": "web_search_call"}]},
        "input[0].type",
        "unsupported_value",
        "type 'web_search_call' is not supported",
    ),
    ({"input": [called(call_id=None)]}, "input[0].call_id", "invalid_type", "expected a string"),
    ({"input": [{"type": "function_call"}]}, "input[0].call_id", "missing_required_parameter", ""),
    ({"input": [called(arguments={})]}, "input[0].arguments", "invalid_type", "a string"),
    ({"input": [answer()]}, "input", None, "No tool call found for function call output with"),
    ({"input": [answer(), called()]}, "input", None, "No tool call found"),
    ({"input": [called()]}, "input", None, "No tool output found for function call call_1."),
    ({"input": [called(), answer(output=5)]}, "input[1].output", "invalid_type", "or array"),
    ({"input": [{"id": "msg_x"}]}, "input[0].id", None, "Item with id 'msg_x' not found"),
    (
        {"previous_response_id": "resp_x"},
        "previous_response_id",
        "previous_response_not_found",
        "Previous response with id 'resp_x' not found.",
    ),
    ({"conversation": "conv_x"}, None, None, "Conversation with id 'conv_x' not found."),
    ({"conversation": {"id": "conv_x"}}, None, None, "Conversation with id 'conv_x' not found."),
    ({"conversation": {}}, "conversation.id", "missing_required_parameter", ""),
    ({"conversation": 5}, "conversation", "invalid_type", "one of a string or object"),
    (
        {"conversation": "c", "previous_response_id": "r"},
        None,
        "mutually_exclusive_parameters",
        "'previous_response_id' and 'conversation'",
    ),
    ({"include": ["all"]}, "include[0]", "invalid_value", "'message.output_text.logprobs'"),
    ({"tools": [{"type": "function"}]}, "tools[0].name", "missing_required_parameter", ""),
    (
        {"tools": [{"type": "function", "function": {"name": "f"}}]},
        "tools[0].function",
        "unknown_parameter",
        "",
    ),
    (
        {"tools": [{"type": "web_search"}]},
        "tools[0].type",
        "unsupported_value",
        "the type 'web_search' is not supported",
    ),
    ({"tools": [{"type": "nothing"}]}, "tools[0].type", "invalid_value", "'function'"),
    ({"tool_choice": "required"}, "tool_choice", None, "only allowed when 'tools' are specified"),
    (
        {"tools": [function()], "tool_choice": {"type": "function", "name": "g"}},
        "tool_choice",
        "invalid_value",
        "no function named 'g'",
    ),
    ({"metadata": {"k": "v" * 513}}, "metadata.k", "string_above_max_length", "length 512"),
    ({"metadata": {"k" * 65: ""}}, "metadata", "property_name_above_max_length", "length 64"),
    ({"metadata": {str(i): "" for i in range(17)}}, "metadata", "object_above_max_properties", ""),
    ({"text": {"format": {}}}, "text.format.type", "missing_required_parameter", ""),
    (
        {"text": {"format": {"type": "yaml"}}},
        "text.format.type",
        "invalid_value",
        "Supported values are: 'json_object', 'text', and 'json_schema'.",
    ),
    (
        {"text": {"format": {"type": "json_schema"}}},
        "text.format.name",
        "missing_required_parameter",
        "",
    ),
    (
        {"text": {"format": {"type": "json_schema", "name": "n"}}},
        "text.format.schema",
        "missing_required_parameter",
        "",
    ),
    (
        {"text": {"format": {"type": "text", "name": "n"}}},
        "text.format.name",
        "unknown_parameter",
        "",
    ),
    ({"text": {"format": {"type": "json_object"}}}, "input", None, "contain the word 'json'"),
    ({"text": {"verbosity": "huge"}}, "text.verbosity", "invalid_value", "'low', 'medium'"),
    ({"temperature": 3}, "temperature", "decimal_above_max_value", "<= 2, but got 3"),
    ({"temperature": True}, "temperature", "invalid_type", "but got a boolean"),
    ({"top_p": -1}, "top_p", "decimal_below_min_value", ">= 0"),
    ({"max_output_tokens": 15}, "max_output_tokens", "integer_below_min_value", ">= 16, but got"),
    ({"top_logprobs": 21}, "top_logprobs", "integer_above_max_value", "<= 20"),
    ({"reasoning": {"effort": "huge"}}, "reasoning.effort", "invalid_value", "'minimal'"),
    ({"stream": "yes"}, "stream", "invalid_type", "expected a boolean"),
    ({"stream_options": {}}, "stream_options", None, "only allowed when 'stream' is enabled"),
    (
        {"stream": True, "stream_options": {"include_usage": True}},
        "stream_options.include_usage",
        "unknown_parameter",
        "",
    ),
    ({"background": True, "store": False}, "background", None, "requires 'store' to be true"),
    ({"truncation": "yes"}, "truncation", "invalid_value", "'auto' and 'disabled'"),
    ({"service_tier": "best"}, "service_tier", "invalid_value", "'auto', 'default', 'flex'"),
    ({"prompt": {"id": "p"}}, "prompt", "unsupported_parameter", "'prompt' is not supported"),
    ({"top_k": 5}, "top_k", "unknown_parameter", "Unknown parameter: 'top_k'."),
    ({"top_k": 5, "input": 5}, "top_k", "unknown_parameter", ""),
    ({"temperature": 9, "include": 5}, "include", "invalid_type", ""),
    ({"temperature": 9, "prompt": {"id": "p"}}, "temperature", "decimal_above_max_value", ""),
    ({"stream": 5, "previous_response_id": "r"}, "stream", "invalid_type", ""),
]


@pytest.mark.parametrize(
    ("change", "param", "code", "words"), MISTAKES, ids=[json.dumps(m[0])[:60] for m in MISTAKES]
)
def test_a_mistake_gets_the_error_that_openai_gives(
    change: dict[str, Any], param: str | None, code: str | None, words: str
) -> None:
    error = refusal(asking() | change)
    assert (error.param, error.code) == (param, code)
    assert words.lower() in error.message.lower()
    assert error.status == (404 if "with id" in words and code is None else 400)


def test_the_model_must_be_there() -> None:
    error = refusal({"input": "hi"})
    assert (error.param, error.code) == ("model", "missing_required_parameter")


@pytest.mark.parametrize("kind", [k for k, what in ITEMS.items() if what is Treatment.REFUSED])
def test_items_of_tools_that_are_not_here_are_refused_by_name(kind: str) -> None:
    error = refusal(asking([{"type": kind, "id": "x"}]))
    assert (error.param, error.code) == ("input[0].type", "unsupported_value")


@pytest.mark.parametrize("name", [n for n, what in FIELDS.items() if what is Treatment.REFUSED])
def test_what_is_not_built_is_refused_by_name(name: str) -> None:
    error = refusal(asking(**{name: {"anything": 1}}))
    assert (error.param, error.code) == (name, "unsupported_parameter")


@pytest.mark.parametrize(
    "part",
    [
        {"type": "input_image", "image_url": "https://x/y.png"},
        {"type": "input_file", "file_id": "file-1"},
    ],
    ids=lambda part: str(part["type"]),
)
def test_media_are_refused_where_the_server_says_so(part: dict[str, Any]) -> None:
    error = refusal(
        asking([{"role": "user", "content": [part]}]), Served(["echo"], {}, media="refuse")
    )
    assert error.param == "input[0].content[0].type"


def test_unknown_parameters_are_let_through_where_the_server_is_lenient() -> None:
    assert call(asking(top_k=5), Served(["echo"], {}, lenient=True)).request.model == "echo"


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
