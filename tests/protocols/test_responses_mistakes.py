"""Responses: what a body may not say, and the errors that OpenAI gives for it."""

import json
from typing import Any

import pytest

from slmtape.protocols import Served
from slmtape.protocols.openai.responses_body import FIELDS
from slmtape.protocols.openai.responses_items import ITEMS
from slmtape.protocols.openai.wire import Treatment
from tests.protocols.responding import answer, asking, call, called, function, refusal

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
    ({"input": None, "messages": []}, "messages", "unsupported_parameter", "has moved to 'input'"),
    ({"input": None, "prompt": {"id": "p"}}, "prompt", "unsupported_parameter", "not supported"),
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
    ({"input": [called(), called(), answer()]}, "input", None, "Duplicate function call with"),
    ({"input": [called(), answer(), answer()]}, "input", None, "Duplicate function call output"),
    ({"input": [called(), answer(), called()]}, "input", None, "No tool output found for"),
    ({"input": [called(), answer(output=5)]}, "input[1].output", "invalid_type", "or array"),
    ({"input": [INPUT | {"id": "msg_1"}] * 2}, "input", None, "Duplicate item found"),
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
        "tools[0].name",
        "missing_required_parameter",
        "",
    ),
    (
        {"tools": [function()], "tool_choice": {"type": "function", "function": {"name": "f"}}},
        "tool_choice.name",
        "missing_required_parameter",
        "",
    ),
    ({"tools": [function(function={})]}, "tools[0].function", "unknown_parameter", ""),
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
    ({"safety_identifier": "x" * 65}, "safety_identifier", "string_above_max_length", "length 64"),
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
    ({"prompt_cache_options": {"mode": "x"}}, "prompt_cache_options.mode", "invalid_value", ""),
    (
        {"moderation": {"model": "m", "policy": {"all": {}}}},
        "moderation.policy.all",
        "unknown_parameter",
        "",
    ),
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
