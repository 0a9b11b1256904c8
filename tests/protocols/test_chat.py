"""Chat Completions without a server: a body in, a request out; results in, JSON and events out."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from slmtape.errors import RequestError
from slmtape.generation import GenerationResult, Message, Piece
from slmtape.protocols import Incoming, Served
from slmtape.protocols.openai.chat import ChatCall, parse
from slmtape.protocols.openai.chat_body import FIELDS
from slmtape.protocols.openai.wire import Treatment
from tests.support import chat

SERVED = Served(["echo"], {"gpt-4o-mini": "echo"})
RESULT = GenerationResult(
    pieces=(Piece("Hé"), Piece("llo")), finish_reason="length", prompt_tokens=7, completion_tokens=2
)


def call(body: Any, served: Served = SERVED) -> ChatCall:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return parse(Incoming(served, raw, "application/json; charset=utf-8"))


def refusal(body: Any) -> RequestError:
    with pytest.raises(RequestError) as caught:
        call(body)
    return caught.value


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
        Message("developer", "Be brief."),
        Message("system", "Be kind."),
        Message("user", "Hi", "ann"),
        Message("assistant", "Hello"),
        Message("user", "a\nb"),
    )
    assert parsed.request.model == "echo"
    assert parsed.model == "gpt-4o-mini"
    assert (parsed.request.temperature, parsed.request.top_p, parsed.request.seed) == (0.5, 0.9, 42)
    assert (parsed.request.max_tokens, parsed.request.stop) == (20, ("\n", "END"))
    assert (parsed.request.presence_penalty, parsed.request.frequency_penalty) == (1, -1)
    assert parsed.request.logit_bias == ((5, -100.0),)
    assert (parsed.n, parsed.stream, parsed.include_usage) == (2, True, True)
    assert parsed.service_tier == "flex"


def test_temperature_is_zero_where_it_is_not_given() -> None:
    assert call(chat("hi")).request.temperature == 0


USER = {"role": "user", "content": "hi"}
MISTAKES: list[tuple[dict[str, Any], str | None, str | None, str]] = [
    ({"model": None}, None, None, "you must provide a model parameter"),
    ({"messages": None}, "messages", "missing_required_parameter", "Missing required parameter"),
    ({"messages": []}, "messages", "empty_array", "expected an array with minimum length 1"),
    ({"messages": "hi"}, "messages", "invalid_type", "expected an array, but got a string"),
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
    (
        {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
        "messages[0].content[0].text",
        "missing_required_parameter",
        "Missing required parameter",
    ),
    (
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
        "messages[0].content[0].type",
        "unsupported_value",
        "content of type 'image_url' is not supported",
    ),
    (
        {"messages": [{"role": "tool", "content": "x", "tool_call_id": "1"}]},
        "messages[0].role",
        "unsupported_value",
        "the role 'tool' is not supported",
    ),
    (
        {"messages": [{"role": "assistant", "content": "", "tool_calls": [{}]}]},
        "messages[0].tool_calls",
        "unsupported_value",
        "'tool_calls' is not supported",
    ),
    (
        {"messages": [{"role": "user", "content": "x", "tool_calls": [{}]}]},
        "messages[0].tool_calls",
        "unknown_parameter",
        "Unknown parameter: 'messages[0].tool_calls'",
    ),
    (
        {"messages": [{"role": "user", "content": "x", "mood": "good"}]},
        "messages[0].mood",
        "unknown_parameter",
        "Unknown parameter: 'messages[0].mood'",
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
    ({"max_tokens": 2**60}, "max_tokens", "integer_above_max_value", "Expected a value <= 2"),
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
    ({"logprobs": 0}, "logprobs", "unsupported_parameter", "'logprobs' is not supported"),
    ({"messages": [{"role": None, "content": ""}]}, "messages[0].role", "invalid_type", "got null"),
    (
        {"messages": [{"role": "assistant", "content": "", "tool_calls": []}]},
        "messages[0].tool_calls",
        "empty_array",
        "minimum length 1",
    ),
    (
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "", "file": {}}]}]},
        "messages[0].content[0].file",
        "unknown_parameter",
        "Unknown parameter",
    ),
    ({"metadata": {str(i): "" for i in range(17)}}, "metadata", "object_above_max_properties", ""),
    ({"service_tier": "best"}, "service_tier", "invalid_value", "'auto', 'default', 'flex'"),
    ({"tools": []}, "tools", "unsupported_parameter", "'tools' is not supported"),
    ({"logprobs": True}, "logprobs", "unsupported_parameter", "'logprobs' is not supported"),
    ({"top_k": 5}, "top_k", "unknown_parameter", "Unknown parameter: 'top_k'."),
    ({"top_k": 5, "n": 0}, "top_k", "unknown_parameter", ""),
    ({"n": 0, "temperature": 9}, "n", "integer_below_min_value", ""),
    ({"temperature": 9, "tools": []}, "temperature", "decimal_above_max_value", ""),
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


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*FIELDS, "role", "else"]), JSON, max_size=6), st.booleans())
def test_any_json_is_understood_or_refused(body: dict[str, Any], whole: bool) -> None:
    # Any other exception than a RequestError would be a 500.
    with suppress(RequestError):
        assert call(chat("hi") | body if whole else body).request.messages


def test_a_whole_answer_is_a_chat_completion() -> None:
    parsed = call(chat("hi", model="gpt-4o-mini", n=2))
    told = json.loads(parsed.render(["a" * 16, "b" * 16], [RESULT, RESULT]))
    completion = ChatCompletion.model_validate(told, strict=True)
    assert completion.model == "gpt-4o-mini"
    assert [choice.message.content for choice in completion.choices] == ["Héllo", "Héllo"]
    assert {choice.finish_reason for choice in completion.choices} == {"length"}
    assert completion.usage is not None
    usage = completion.usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (7, 4, 11)


def events(parsed: ChatCall) -> list[Any]:
    n = parsed.n
    rendering = parsed.rendering(["a" * 16] * n)
    text = rendering.open()
    text += "".join(rendering.piece(i, piece) for i in range(n) for piece in RESULT.pieces)
    text += rendering.close([RESULT] * n)
    assert text.endswith("data: [DONE]\n\n")
    lines = text.removesuffix("data: [DONE]\n\n").split("\n\n")[:-1]
    return [json.loads(line.removeprefix("data: ")) for line in lines]


@pytest.mark.parametrize("include_usage", [False, True])
def test_events_follow_the_grammar(include_usage: bool) -> None:
    options = {"stream_options": {"include_usage": True}} if include_usage else {}
    told = events(call(chat("hi", n=2, stream=True, **options)))
    chunks = [ChatCompletionChunk.model_validate(event, strict=True) for event in told]
    body = chunks[:-1] if include_usage else chunks
    assert len({(c.id, c.created, c.model, c.system_fingerprint) for c in chunks}) == 1
    assert [c.choices[0].index for c in body] == [0, 1, 0, 0, 1, 1, 0, 1]
    assert [c.choices[0].delta.role for c in body[:2]] == ["assistant", "assistant"]
    assert [c.choices[0].delta.content for c in body[2:6]] == ["Hé", "llo", "Hé", "llo"]
    assert [c.choices[0].finish_reason for c in body] == [None] * 6 + ["length", "length"]
    if include_usage:
        assert all(event["usage"] is None for event in told[:-1])
        assert chunks[-1].choices == []
        assert chunks[-1].usage is not None
        assert chunks[-1].usage.completion_tokens == 4
    else:
        assert all("usage" not in event for event in told)


def test_ids_and_times_derive_from_the_keys() -> None:
    parsed = call(chat("hi"))
    one, same, other = (
        json.loads(parsed.render([key], [RESULT])) for key in ("a" * 16, "a" * 16, "b" * 16)
    )
    assert one == same
    assert one["id"] != other["id"]
    assert one["created"] != other["created"]
