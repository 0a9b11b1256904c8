"""The conversation in a chat completion's body."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmtape.errors import RequestError
from slmtape.generation import Message, ToolCall
from slmtape.keys import key
from slmtape.protocols import Served
from tests.protocols.calls import call, refusal

USER = {"role": "user", "content": "hi"}
PNG = "data:image/png;base64,aGk="


def body(*messages: Any) -> dict[str, Any]:
    return {"model": "echo", "messages": list(messages)}


def calling(*ids: str, **more: Any) -> dict[str, Any]:
    """An assistant's message that calls `f` once for each id."""
    calls = [
        {"id": where, "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
        for where in ids
    ]
    return {"role": "assistant", "content": None, "tool_calls": calls, **more}


def result(where: str, content: Any = "done") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": where, "content": content}


def test_calls_and_their_results_are_part_of_the_conversation() -> None:
    parsed = call(
        body(
            USER,
            calling("call_a", "call_b", name="bot"),
            result("call_b", [{"type": "text", "text": "two"}]),
            result("call_a"),
            {"role": "assistant", "content": "Fine."},
            calling("call_a", content="Again."),
            result("call_a"),
        )
    )
    f = '{"a":1}'
    assert parsed.request.messages == (
        Message("user", "hi"),
        Message(
            *("assistant", "", "bot"), (ToolCall("f", f, "call_0"), ToolCall("f", f, "call_1"))
        ),
        Message("tool", "two", tool_call_id="call_1"),
        Message("tool", "done", tool_call_id="call_0"),
        Message("assistant", "Fine."),
        Message("assistant", "Again.", None, (ToolCall("f", f, "call_2"),)),
        Message("tool", "done", tool_call_id="call_2"),
    )


def test_ids_that_a_client_chose_change_no_answer() -> None:
    one = call(body(USER, calling("call_a", "call_b"), result("call_b"), result("call_a")))
    other = call(body(USER, calling("x", "y"), result("y"), result("x")))
    assert one.request == other.request


def test_a_legacy_call_and_its_result_are_what_a_tool_call_is() -> None:
    legacy = call(
        body(
            USER,
            {"role": "assistant", "function_call": {"name": "f", "arguments": '{"a": 1}'}},
            {"role": "function", "name": "f", "content": "done"},
        )
    )
    assert legacy.request == call(body(USER, calling("c"), result("c"))).request


def test_a_result_of_a_function_that_nobody_called_is_told_with_its_name() -> None:
    parsed = call(body(USER, {"role": "function", "name": "f", "content": None}))
    assert parsed.request.messages[1] == Message("tool", "", "f")


def test_our_own_answers_are_taken_back() -> None:
    answer: dict[str, Any] = {
        "role": "assistant",
        "content": "Hello",
        "refusal": None,
        "annotations": [],
        "audio": None,
        "function_call": None,
        "tool_calls": None,
        "reasoning_content": "Let me greet.",
    }
    assert call(body(USER, answer, USER)).request.messages[1] == Message("assistant", "Hello")


def test_what_litellm_adds_to_an_answer_is_overlooked_when_it_comes_back() -> None:
    answer = {
        "role": "assistant",
        "content": "Hello",
        "provider_specific_fields": {"refusal": None},
        "thinking_blocks": None,
    }
    assert call(body(USER, answer, USER)).request.messages[1] == Message("assistant", "Hello")


def test_a_refusal_is_what_the_assistant_said() -> None:
    parts = [{"type": "text", "text": "No."}, {"type": "refusal", "refusal": "Never."}]
    parsed = call(
        body(
            {"role": "assistant", "content": None, "refusal": "No."},
            {"role": "assistant", "content": parts},
        )
    )
    assert [message.content for message in parsed.request.messages] == ["No.", "No.\nNever."]


@pytest.mark.parametrize("content", ["", []])
def test_content_may_be_empty(content: Any) -> None:
    [message] = call(body({"role": "user", "content": content})).request.messages
    assert message.content == ""


def user(*parts: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(parts)}


def test_images_audio_and_files_are_described() -> None:
    parts = [
        {"type": "text", "text": "Look:", "prompt_cache_breakpoint": {"mode": "explicit"}},
        {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "https://a.example/b.png"}},
        {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}},
        {"type": "file", "file": {"filename": "a.txt", "file_data": "aGk="}},
        {"type": "file", "file": {"file_id": "file-1"}},
    ]
    digest = "2 bytes, sha256 8f434346648f6b96"
    [message] = call(body(user(*parts))).request.messages
    assert message.content.split("\n") == [
        "Look:",
        f"[image: image/png, {digest}]",
        "[image: https://a.example/b.png]",
        f"[audio: wav, {digest}]",
        f"[file: a.txt, {digest}]",
        "[file: file-1]",
    ]


def test_images_are_refused_where_the_server_says_so() -> None:
    served = Served(["echo"], {}, media="refuse")
    image = {"type": "image_url", "image_url": {"url": PNG}}
    error = refusal(body(USER, user(image)), served)
    assert (error.param, error.code) == ("messages[1].content[0].type", None)
    assert "image_url is only supported by certain models" in error.message


ARGS = {"name": "f", "arguments": "{}"}
MISTAKES: list[tuple[list[Any], str, str | None, str]] = [
    (["hi"], "messages[0]", "invalid_type", "expected an object, but got a string"),
    ([{"role": "user"}], "messages.[0].content", None, "expected a string, got null"),
    ([result("c", None)], "messages.[0].role", None, "must be a response to a preceeding message"),
    (
        [{"role": "user", "content": "x", "mood": "good"}],
        "messages[0].mood",
        "unknown_parameter",
        "Unknown parameter: 'messages[0].mood'",
    ),
    # Calls
    ([calling()], "messages[0].tool_calls", "empty_array", "minimum length 1"),
    ([calling(content="x")], "messages[0].tool_calls", "empty_array", "minimum length 1"),
    ([{**calling("c"), "role": "user"}], "messages[0].tool_calls", "unknown_parameter", ""),
    (
        [{"role": "assistant", "tool_calls": [{}]}],
        "messages[0].tool_calls[0].id",
        "missing_required_parameter",
        "",
    ),
    (
        [{"role": "assistant", "tool_calls": [{"id": "c", "type": "function"}]}],
        "messages[0].tool_calls[0].function",
        "missing_required_parameter",
        "",
    ),
    (
        [{"role": "assistant", "tool_calls": [{"id": "c", "type": "custom", "custom": {}}]}],
        "messages[0].tool_calls[0].type",
        "unsupported_value",
        "the type 'custom' is not supported",
    ),
    (
        [
            {
                "role": "assistant",
                "tool_calls": [{"id": "c", "type": "function", "function": ARGS, "custom": {}}],
            }
        ],
        "messages[0].tool_calls[0].custom",
        "unknown_parameter",
        "",
    ),
    (
        [
            {
                "role": "assistant",
                "tool_calls": [
                    {"id": "c", "type": "function", "function": {"name": "f", "arguments": {}}}
                ],
            }
        ],
        "messages[0].tool_calls[0].function.arguments",
        "invalid_type",
        "expected a string, but got an object",
    ),
    ([calling("")], "messages[0].tool_calls[0].id", "empty_string", ""),
    ([calling("c" * 41)], "messages[0].tool_calls[0].id", "string_above_max_length", "length 40"),
    ([calling("c", "c")], "messages[0].tool_calls[1].id", None, "of 'c' in message[0]"),
    (
        [{"role": "assistant", "content": "", "audio": {"id": "a"}}],
        "messages[0].audio",
        "unsupported_value",
        "audio is not supported",
    ),
    # Results
    (
        [{"role": "tool", "content": "x"}],
        "messages[0].tool_call_id",
        "missing_required_parameter",
        "",
    ),
    (
        [USER, result("c")],
        "messages.[1].role",
        None,
        "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'",
    ),
    (
        [calling("c"), result("c"), USER, result("c")],
        "messages.[3].role",
        None,
        "must be a response to a preceeding",
    ),
    (
        [calling("c"), result("d")],
        "messages.[1].tool_call_id",
        None,
        "'tool_call_id' of 'd' not found in 'tool_calls' of previous message, which has 'c'.",
    ),
    (
        [calling("c"), result("c"), result("c")],
        "messages.[2].tool_call_id",
        None,
        "Duplicate value for 'tool_call_id' of 'c' in message[2]",
    ),
    (
        [calling("c", "d"), result("d"), USER],
        "messages.[2].role",
        None,
        "The following tool_call_ids did not have response messages: c",
    ),
    (
        [USER, calling("c", "d")],
        "messages.[1].role",
        None,
        "The following tool_call_ids did not have response messages: c, d",
    ),
    (
        [{"role": "user", "content": "x", "tool_call_id": "c"}],
        "messages[0].tool_call_id",
        "unknown_parameter",
        "",
    ),
    (
        [
            USER,
            {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}},
            {"role": "function", "name": "g", "content": "x"},
        ],
        "messages.[2].name",
        None,
        "the function that was called is 'f', but this is the result of 'g'",
    ),
    (
        [{"role": "function", "content": "x"}],
        "messages[0].name",
        "missing_required_parameter",
        "",
    ),
    # Content parts
    (
        [user({"type": "text"})],
        "messages[0].content[0].text",
        "missing_required_parameter",
        "",
    ),
    (
        [user({"type": "sound"})],
        "messages[0].content[0].type",
        "invalid_value",
        "Supported values are: 'text', 'image_url', 'input_audio', 'refusal', and 'file'.",
    ),
    (
        [user({"type": "text", "text": "", "file": {}})],
        "messages[0].content[0].file",
        "unknown_parameter",
        "",
    ),
    (
        [user({"type": "refusal", "refusal": "no"})],
        "messages[0].content[0].type",
        "invalid_value",
        "'text', 'image_url', 'input_audio', and 'file'",
    ),
    (
        [{"role": "system", "content": [{"type": "image_url", "image_url": {"url": PNG}}]}],
        "messages[0].content[0].type",
        "invalid_value",
        "Supported values are: 'text'.",
    ),
    (
        [user({"type": "image_url", "image_url": PNG})],
        "messages[0].content[0].image_url",
        "invalid_type",
        "expected an object, but got a string",
    ),
    (
        [user({"type": "image_url", "image_url": {"url": "cat.png"}})],
        "messages[0].content[0].image_url.url",
        "invalid_value",
        "Expected a valid URL",
    ),
    (
        [user({"type": "input_audio", "input_audio": {"data": "!", "format": "mp3"}})],
        "messages[0].content[0].input_audio.data",
        "invalid_value",
        "Expected base64",
    ),
    (
        [user({"type": "file", "file": {}})],
        "messages[0].content[0].file.file_id",
        "missing_required_parameter",
        "",
    ),
]


@pytest.mark.parametrize(
    ("messages", "param", "code", "words"), MISTAKES, ids=[json.dumps(m[0])[:70] for m in MISTAKES]
)
def test_a_mistake_gets_the_error_that_openai_gives(
    messages: list[Any], param: str, code: str | None, words: str
) -> None:
    error = refusal(body(*messages))
    assert (error.param, error.code, error.status) == (param, code, 400)
    assert words in error.message


IDS = st.sampled_from(["a", "b"])
TURNS = st.one_of(
    st.just(USER),
    st.just({"role": "assistant", "content": "yes"}),
    st.builds(lambda ids: calling(*ids), st.lists(IDS, min_size=1, max_size=2)),
    st.builds(result, IDS),
    st.just({"role": "assistant", "function_call": ARGS}),
    st.just({"role": "function", "name": "f", "content": "x"}),
)


@given(st.lists(TURNS, min_size=1, max_size=8))
def test_a_conversation_that_is_taken_has_one_result_for_each_call(turns: list[Any]) -> None:
    with suppress(RequestError):
        told = call(body(*turns)).request
        assert key(told)
        calls = [one.id for message in told.messages for one in message.tool_calls]
        results = [m.tool_call_id for m in told.messages if m.tool_call_id is not None]
        modern = sum(len(turn.get("tool_calls", ())) for turn in turns)
        assert len(set(calls)) == len(calls)
        assert set(results) <= set(calls)
        assert modern <= len(results)
