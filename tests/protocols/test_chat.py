"""The body of a chat completion: what is understood, and what is refused in which words."""

import json
from contextlib import suppress
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmtape.errors import RequestError
from slmtape.generation import Message
from slmtape.keys import key
from slmtape.protocols import Incoming, Served
from slmtape.protocols.openai.chat import parse
from slmtape.protocols.openai.chat_body import FIELDS
from slmtape.protocols.openai.wire import Treatment
from tests.protocols.calls import SERVED, call, refusal
from tests.support import chat

LENIENT = Served(["echo"], {}, lenient=True)


def test_a_body_with_everything_is_understood() -> None:
    parsed = call(
        {
            "model": "gpt-4o-mini",
            "messages": [
                {"role": "developer", "content": "Be brief."},
                {"role": "system", "content": [{"type": "text", "text": "Be kind."}]},
                {"role": "user", "content": "Hi", "name": "ann"},
                {"role": "assistant", "content": "Hello", "refusal": None, "annotations": []},
                {
                    "role": "user",
                    "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
                },
            ],
            "temperature": 0.5,
            "top_p": 0.9,
            "seed": 42,
            "max_completion_tokens": 20,
            "stop": ["\n", "END"],
            "n": 2,
            "presence_penalty": 1,
            "frequency_penalty": -1,
            "logit_bias": {"5": -100},
            "stream": True,
            "stream_options": {"include_usage": True, "include_obfuscation": False},
            "service_tier": "flex",
        }
    )
    assert parsed.request.messages == (
        Message("system", "Be brief."),
        Message("system", "Be kind."),
        Message("user", "Hi", "ann"),
        Message("assistant", "Hello"),
        Message("user", "a\nb"),
    )
    assert parsed.request.model == "echo"
    assert parsed.form.model == "gpt-4o-mini"
    assert (parsed.request.temperature, parsed.request.top_p, parsed.request.seed) == (0.5, 0.9, 42)
    assert (parsed.request.max_tokens, parsed.request.stop) == (20, ("\n", "END"))
    assert (parsed.request.presence_penalty, parsed.request.frequency_penalty) == (1, -1)
    assert parsed.request.logit_bias == ((5, -100.0),)
    assert (parsed.n, parsed.stream, parsed.form.include_usage) == (2, True, True)
    assert parsed.form.service_tier == "flex"


@pytest.mark.parametrize(
    ("given", "echo"), [(None, "default"), ("auto", "default"), ("fast", "priority")]
)
def test_the_service_tier_is_the_one_that_served(given: str | None, echo: str) -> None:
    assert call(chat("hi", service_tier=given)).form.service_tier == echo


def test_temperature_is_zero_where_it_is_not_given() -> None:
    assert call(chat("hi")).request.temperature == 0


USER = {"role": "user", "content": "hi"}
MISTAKES: list[tuple[dict[str, Any], str | None, str | None, str]] = [
    ({"model": None}, None, None, "you must provide a model parameter"),
    ({"messages": None}, "messages", "missing_required_parameter", "Missing required parameter"),
    ({"messages": []}, "messages", "empty_array", "expected an array with minimum length 1"),
    ({"messages": "hi"}, "messages", "invalid_type", "an array of objects, but got a string"),
    ({"messages": ["hi"]}, "messages[0]", "invalid_type", "expected an object, but got a string"),
    ({"messages": [{"content": "x"}]}, "messages[0].role", "missing_required_parameter", "role"),
    (
        {"messages": [USER, {"role": "robot", "content": "x"}]},
        "messages[1].role",
        "invalid_value",
        "Invalid value: 'robot'. Supported values are: 'system', 'assistant', 'user', 'function', "
        "'tool', and 'developer'.",
    ),
    ({"messages": [{"role": "user"}]}, "messages.[0].content", None, "expected a string, got null"),
    (
        {"messages": [{"role": "user", "content": 5}]},
        "messages[0].content",
        "invalid_type",
        "expected one of a string or array of objects, but got an integer",
    ),
    ({"temperature": "hot"}, "temperature", "invalid_type", "expected a decimal, but got a string"),
    ({"temperature": True}, "temperature", "invalid_type", "expected a decimal, but got a boolean"),
    (
        {"temperature": 3},
        "temperature",
        "decimal_above_max_value",
        "Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but got 3",
    ),
    ({"temperature": -0.1}, "temperature", "decimal_below_min_value", "Expected a value >= 0"),
    ({"top_p": 1.5}, "top_p", "decimal_above_max_value", "Expected a value <= 1"),
    (
        {"n": 0},
        "n",
        "integer_below_min_value",
        "Invalid 'n': integer below minimum value. Expected a value >= 1, but got 0 instead.",
    ),
    ({"n": 129}, "n", "integer_above_max_value", "Expected a value <= 128"),
    ({"n": 1.5}, "n", "invalid_type", "expected an integer, but got a decimal number"),
    ({"max_tokens": 0}, "max_tokens", "integer_below_min_value", "Expected a value >= 1"),
    (
        {"max_tokens": 2**60},
        "max_tokens",
        "integer_above_max_value",
        "Expected a value <= 2147483647",
    ),
    ({"max_tokens": 1, "max_completion_tokens": 1}, "max_tokens", None, "at the same time"),
    ({"seed": 2**63}, "seed", "integer_above_max_value", "Expected a value <="),
    ({"seed": 2**80}, "seed", "integer_above_max_value", "Expected a value <="),
    ({"stop": []}, "stop", "empty_array", "minimum length 1"),
    ({"stop": list("abcde")}, "stop", "array_above_max_length", "with maximum length 4"),
    ({"stop": 5}, "stop", "invalid_type", "one of a string or array of strings"),
    ({"stop": [5]}, "stop[0]", "invalid_type", "expected a string"),
    ({"stream": "yes"}, "stream", "invalid_type", "expected a boolean, but got a string"),
    ({"stream_options": {}}, "stream_options", None, "only allowed when 'stream' is enabled"),
    (
        {"stream": True, "stream_options": {"x": 1}},
        "stream_options.x",
        "unknown_parameter",
        "Unknown parameter: 'stream_options.x'",
    ),
    ({"logit_bias": {"five": 1}}, "logit_bias", "invalid_value", "Invalid key in 'logit_bias'"),
    ({"logit_bias": {"05": 1}}, "logit_bias", "invalid_value", "Invalid key in 'logit_bias': 05"),
    ({"logit_bias": {"5": 101}}, "logit_bias.5", "decimal_above_max_value", "<= 100"),
    ({"metadata": {"k": "v" * 513}}, "metadata.k", "string_above_max_length", "length 512"),
    ({"metadata": {"k" * 65: ""}}, "metadata", "property_name_above_max_length", "length 64"),
    ({"~x": 1}, "~x", "unknown_parameter", "Unknown parameter: '~x'"),
    ({"logprobs": 0}, "logprobs", "invalid_type", "expected a boolean, but got an integer"),
    ({"messages": [{"role": None, "content": ""}]}, "messages[0].role", "invalid_type", "got null"),
    ({"metadata": {str(i): "" for i in range(17)}}, "metadata", "object_above_max_properties", ""),
    ({"service_tier": "best"}, "service_tier", "invalid_value", "'auto', 'default', 'flex'"),
    ({"tools": []}, "tools", "empty_array", "minimum length 1"),
    ({"functions": []}, "functions", "empty_array", "minimum length 1"),
    ({"tools": [{}] * 129}, "tools", "array_above_max_length", "maximum length 128"),
    ({"tools": [{}]}, "tools[0].type", "missing_required_parameter", "'tools[0].type'"),
    (
        {"parallel_tool_calls": "no"},
        "parallel_tool_calls",
        "invalid_type",
        "expected a boolean",
    ),
    ({"top_logprobs": 5}, "top_logprobs", None, "only allowed when 'logprobs' is enabled"),
    ({"logprobs": True, "top_logprobs": 21}, "top_logprobs", "integer_above_max_value", "<= 20"),
    ({"reasoning_effort": "huge"}, "reasoning_effort", "invalid_value", "'xhigh', and 'max'"),
    ({"verbosity": "mute"}, "verbosity", "invalid_value", "'low', 'medium', and 'high'"),
    ({"modalities": []}, "modalities", "empty_array", ""),
    ({"modalities": ["smell"]}, "modalities[0]", "invalid_value", "'text' and 'audio'"),
    (
        {"modalities": ["text", "audio"]},
        "modalities",
        "unsupported_value",
        "'audio' is not supported by this server. Ask for ['text'].",
    ),
    ({"prediction": {"type": "content"}}, "prediction.content", "missing_required_parameter", ""),
    ({"moderation": {}}, "moderation.model", "missing_required_parameter", ""),
    (
        {"web_search_options": {"search_context_size": "none"}},
        "web_search_options.search_context_size",
        "invalid_value",
        "'low', 'medium', and 'high'",
    ),
    ({"store": "yes"}, "store", "invalid_type", "expected a boolean"),
    ({"top_k": 5}, "top_k", "unknown_parameter", "'top_k'. Did you mean 'top_p'?"),
    ({"stroe": True}, "stroe", "unknown_parameter", "'stroe'. Did you mean 'store'?"),
    ({"chat_template": ""}, "chat_template", "unknown_parameter", "Unknown parameter: 'chat_templ"),
    ({"top_k": 5, "n": 0}, "top_k", "unknown_parameter", ""),
    ({"n": 0, "temperature": 9}, "n", "integer_below_min_value", ""),
    ({"temperature": 9, "tools": []}, "tools", "empty_array", ""),
    ({"n": 0, "tools": [{"type": "x"}]}, "tools[0].type", "invalid_value", "'x'"),
    ({"n": 0, "functions": [{}]}, "functions[0].name", "missing_required_parameter", ""),
    ({"tools": [{}], "messages": "hi"}, "messages", "invalid_type", ""),
    ({"tools": [{}], "top_k": 1}, "top_k", "unknown_parameter", ""),
    (
        {"messages": [{"role": "user"}], "response_format": {"type": "json_schema"}},
        "response_format.json_schema",
        "missing_required_parameter",
        "",
    ),
    ({"model": "gpt-9"}, None, "model_not_found", "Served here: echo, gpt-4o-mini"),
    ({"model": 5}, "model", "invalid_type", "expected a string, but got an integer"),
]


@pytest.mark.parametrize(
    ("change", "param", "code", "words"), MISTAKES, ids=[json.dumps(m[0])[:60] for m in MISTAKES]
)
def test_a_mistake_gets_the_error_that_openai_gives(
    change: dict[str, Any], param: str | None, code: str | None, words: str
) -> None:
    error = refusal(chat("hi") | change)
    assert (error.param, error.code) == (param, code)
    assert words.lower() in error.message.lower()
    assert error.status == (404 if code == "model_not_found" else 400)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"5", b"\xff", b'{"model": "\\ud800"}', b"NaN", b"[" * 100_000],
    ids=["empty", "cut", "array", "number", "not UTF-8", "surrogate", "NaN", "deep"],
)
def test_a_body_that_is_no_json_object_is_refused(body: bytes) -> None:
    error = refusal(body)
    assert "could not parse the JSON body" in error.message
    assert (error.status, error.param, error.code) == (400, None, None)


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_another_content_type_is_refused(kind: str | None) -> None:
    with pytest.raises(RequestError, match="only accepts 'application/json'"):
        parse(Incoming(SERVED, json.dumps(chat("hi")).encode(), kind))


@pytest.mark.parametrize("name", [n for n, t in FIELDS.items() if t is Treatment.REFUSED])
def test_what_is_not_built_is_refused_by_name(name: str) -> None:
    error = refusal(chat("hi") | {name: ["anything"]})
    assert (error.param, error.code) == (name, "unsupported_parameter")


def test_what_is_far_from_every_name_gets_no_hint() -> None:
    assert refusal(chat("hi", chat_template="x")).message == "Unknown parameter: 'chat_template'."


def test_what_changes_no_answer_is_taken_and_makes_no_difference() -> None:
    plain = call(chat("hi")).request
    for ignored in (
        {"user": "u", "safety_identifier": "s", "metadata": {"a": "b"}, "store": False},
        {"prompt_cache_key": "k", "prompt_cache_retention": "24h"},
        {"prompt_cache_options": {"mode": "explicit", "ttl": "30m"}},
        {"modalities": ["text"], "verbosity": "low", "service_tier": "flex"},
        {"prediction": {"type": "content", "content": [{"type": "text", "text": "x"}]}},
        {"moderation": {"model": "m", "policy": {"input": {"mode": "score"}, "output": None}}},
        {
            "web_search_options": {
                "user_location": {"type": "approximate", "approximate": {"city": "Rome"}}
            }
        },
        {"response_format": {"type": "text"}, "logprobs": False},
        dict.fromkeys(set(FIELDS) - {"model", "messages"}),
    ):
        assert call(chat("hi", **ignored)).request == plain


def test_what_decides_the_answer_is_in_the_request() -> None:
    asked = call(chat("hi", logprobs=True, top_logprobs=3, reasoning_effort="low")).request
    assert (asked.top_logprobs, asked.reasoning_effort) == (3, "low")
    assert call(chat("hi", logprobs=True)).request.top_logprobs == 0
    assert call(chat("hi", logprobs=False)).request.top_logprobs is None


def test_a_lenient_server_passes_on_what_openai_does_not_know() -> None:
    body = chat("hi", top_k=5, min_p=0.1, think=False, mode="a", nothing=None, options={"b": [1]})
    asked = call(body, LENIENT).request
    assert dict(asked.extras) == {
        "top_k": "5",
        "min_p": "0.1",
        "think": "false",
        "mode": '"a"',
        "options": '{"b":[1]}',
    }
    assert len(key(asked)) == 16
    assert call(chat("hi"), LENIENT).request.extras == ()


@pytest.mark.parametrize("number", [b"1" + b"0" * 30, b"-9007199254740993", b"1e300"])
def test_a_number_that_a_double_can_not_tell_exactly_has_a_key(number: bytes) -> None:
    body = json.dumps(chat("hi")).encode()[:-1] + b', "big": ' + number + b"}"
    [(_, value)] = call(body, LENIENT).request.extras
    assert float(value) == float(number)
    assert isinstance(value, str)
    assert key(call(body, LENIENT).request)


def test_a_lenient_server_still_checks_what_openai_knows() -> None:
    assert refusal(chat("hi", top_k=5, n=0), LENIENT).param == "n"
    assert refusal(chat("hi", messages=[{**USER, "mood": ""}]), LENIENT).param == "messages[0].mood"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@given(
    st.dictionaries(st.sampled_from([*FIELDS, "role", "else"]), JSON, max_size=6),
    st.booleans(),
    st.sampled_from([SERVED, LENIENT]),
)
def test_any_json_is_understood_or_refused(
    body: dict[str, Any], whole: bool, served: Served
) -> None:
    # Any other exception than a RequestError would be a 500.
    with suppress(RequestError):
        assert key(call(chat("hi") | body if whole else body, served).request)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every member and element in a JSON value: its container, and its name or index there."""
    names = list(value) if isinstance(value, dict) else range(len(value))
    found = [(value, name) for name in names]
    for name in names:
        if isinstance(value[name], dict | list):
            found += places(value[name])
    return found


PNG = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk=", "detail": "low"}}
SOUND = {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}}
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
ALLOWED = {"mode": "auto", "tools": [{"type": "function", "function": {"name": "f"}}]}
WHOLE: dict[str, Any] = {
    "model": "echo",
    "messages": [
        {"role": "user", "content": [PNG, SOUND, {"type": "file", "file": {"file_id": "x"}}]},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "json"}]},
        {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "x"},
    ],
    "tools": [{"type": "function", "function": {"name": "f", "parameters": SCHEMA}}],
    "tool_choice": {"type": "allowed_tools", "allowed_tools": ALLOWED},
    "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}},
    "logit_bias": {"5": 1},
    "stop": ["a"],
    "stream_options": {"include_usage": True},
    "stream": True,
    "logprobs": True,
    "top_logprobs": 2,
    "metadata": {"a": "b"},
    "prediction": {"type": "content", "content": "x"},
    "web_search_options": {"user_location": {"type": "approximate", "approximate": {}}},
}
PLACES = len(places(WHOLE))


def test_the_body_that_is_spoiled_below_is_understood() -> None:
    assert call(WHOLE).request.tools


@given(st.integers(0, PLACES - 1), JSON, st.sampled_from(["replace", "remove", "add"]))
def test_a_body_with_anything_wrong_anywhere_is_understood_or_refused(
    place: int, value: Any, what: str
) -> None:
    body = deepcopy(WHOLE)
    container, name = places(body)[place]
    if what == "remove":
        del container[name]
    elif what == "add" and isinstance(container, dict):
        container["other"] = value
    else:
        container[name] = value
    with suppress(RequestError):
        assert key(call(body).request)
