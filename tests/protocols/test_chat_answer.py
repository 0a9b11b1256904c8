"""Results as a chat completion: one body of JSON, or events."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from slmtape.generation import FinishReason, GenerationResult, Piece, Token
from slmtape.protocols.openai.chat import ChatCall
from tests.protocols.calls import SERVED, call
from tests.support import chat

KEY = "a" * 16
TOOLS = [{"type": "function", "function": {"name": name}} for name in ("f", "g")]
NAMED = {"type": "function", "function": {"name": "f"}}


def result(*pieces: Piece, finish_reason: FinishReason = "stop") -> GenerationResult:
    return GenerationResult(
        pieces=pieces,
        finish_reason=finish_reason,
        prompt_tokens=7,
        completion_tokens=len(pieces),
        reasoning_tokens=sum(piece.kind == "reasoning" for piece in pieces),
    )


TEXT = result(Piece("Hé"), Piece("llo"), finish_reason="length")
CALLS = (
    *(Piece("f", "call"), Piece('{"a"', "arguments"), Piece(":1}", "arguments")),
    *(Piece("g", "call"), Piece("{}", "arguments")),
)
ALL = result(Piece("hm", "reasoning"), Piece(" so", "reasoning"), Piece("Well"), *CALLS)


def told(parsed: ChatCall, *results: GenerationResult) -> Any:
    """The answer as JSON, which the client library understands."""
    answer = json.loads(parsed.render([KEY] * len(results), results))
    ChatCompletion.model_validate(answer, strict=True)
    return answer


def events(parsed: ChatCall, *results: GenerationResult) -> list[Any]:
    """The answer as events, which the client library understands."""
    rendering = parsed.rendering([KEY] * len(results))
    text = rendering.open()
    for index, one in enumerate(results):
        text += "".join(rendering.piece(index, piece) for piece in one.pieces)
    text += rendering.close(results)
    assert text.endswith("data: [DONE]\n\n")
    lines = text.removesuffix("data: [DONE]\n\n").split("\n\n")[:-1]
    chunks = [json.loads(line.removeprefix("data: ")) for line in lines]
    for chunk in chunks:
        ChatCompletionChunk.model_validate(chunk, strict=True)
    return chunks


def deltas(chunks: list[Any], index: int = 0) -> list[Any]:
    """What one choice's events say after the first, without the finish."""
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    return [choice["delta"] for choice in choices if choice["index"] == index][1:-1]


def finish(chunks: list[Any]) -> Any:
    return [choice["finish_reason"] for chunk in chunks for choice in chunk["choices"]][-1]


def test_a_whole_answer_is_a_chat_completion() -> None:
    answer = told(call(chat("hi", model="gpt-4o-mini", n=2)), TEXT, TEXT)
    assert answer["model"] == "gpt-4o-mini"
    assert [choice["message"]["content"] for choice in answer["choices"]] == ["Héllo", "Héllo"]
    assert {choice["finish_reason"] for choice in answer["choices"]} == {"length"}
    assert {choice["logprobs"] for choice in answer["choices"]} == {None}
    usage = answer["usage"]
    assert usage["prompt_tokens"] == 7
    assert usage["completion_tokens"] == 4
    assert usage["total_tokens"] == 11


@pytest.mark.parametrize("include_usage", [False, True])
def test_events_follow_the_grammar(include_usage: bool) -> None:
    options = {"stream_options": {"include_usage": True}} if include_usage else {}
    chunks = events(call(chat("hi", n=2, stream=True, **options)), TEXT, TEXT)
    assert len({(c["id"], c["created"], c["model"], c["system_fingerprint"]) for c in chunks}) == 1
    body = chunks[:-1] if include_usage else chunks
    choices = [chunk["choices"][0] for chunk in body]
    assert [choice["index"] for choice in choices] == [0, 1, 0, 0, 1, 1, 0, 1]
    first = {"role": "assistant", "content": "", "refusal": None}
    assert [choice["delta"] for choice in choices[:2]] == [first, first]
    assert [c["delta"]["content"] for c in choices[2:6]] == ["Hé", "llo", "Hé", "llo"]
    assert [c["finish_reason"] for c in choices] == [None] * 6 + ["length", "length"]
    if include_usage:
        assert all(chunk["usage"] is None for chunk in body)
        assert chunks[-1]["choices"] == []
        assert chunks[-1]["usage"]["completion_tokens"] == 4
    else:
        assert all("usage" not in chunk for chunk in chunks)


def test_ids_and_times_derive_from_the_keys() -> None:
    parsed = call(chat("hi"))
    one, same, other = (
        json.loads(parsed.render([key], [TEXT])) for key in ("a" * 16, "a" * 16, "b" * 16)
    )
    assert one == same
    assert one["id"] != other["id"]
    assert one["created"] != other["created"]


# Tool calls


def test_calls_stand_beside_the_text() -> None:
    [choice] = told(call(chat("hi", tools=TOOLS)), ALL)["choices"]
    assert choice["finish_reason"] == "tool_calls"
    message = choice["message"]
    assert message["content"] == "Well"
    functions = [one["function"] for one in message["tool_calls"]]
    assert functions == [{"name": "f", "arguments": '{"a":1}'}, {"name": "g", "arguments": "{}"}]
    assert {one["type"] for one in message["tool_calls"]} == {"function"}
    ids = [one["id"] for one in message["tool_calls"]]
    assert len(set(ids)) == 2
    assert all(one.startswith("call_") and len(one) == 29 for one in ids)


def test_a_message_of_calls_alone_has_no_content() -> None:
    message = told(call(chat("hi", tools=TOOLS)), result(*CALLS))["choices"][0]["message"]
    assert message["content"] is None


def test_a_message_of_nothing_is_empty_text() -> None:
    message = told(call(chat("hi", tools=TOOLS)), result())["choices"][0]["message"]
    assert message["content"] == ""
    assert "tool_calls" not in message
    assert "reasoning_content" not in message


def test_a_call_opens_with_its_name_and_goes_on_with_arguments_alone() -> None:
    parsed = call(chat("hi", tools=TOOLS, stream=True))
    [choice] = told(parsed, result(*CALLS))["choices"]
    ids = [one["id"] for one in choice["message"]["tool_calls"]]
    chunks = events(parsed, result(*CALLS))
    calls = [delta["tool_calls"] for delta in deltas(chunks)]

    def opened(index: int, name: str) -> list[Any]:
        function = {"name": name, "arguments": ""}
        return [{"index": index, "id": ids[index], "type": "function", "function": function}]

    def more(index: int, arguments: str) -> list[Any]:
        return [{"index": index, "function": {"arguments": arguments}}]

    assert calls == [
        opened(0, "f"),
        more(0, '{"a"'),
        more(0, ":1}"),
        opened(1, "g"),
        more(1, "{}"),
    ]
    assert finish(chunks) == "tool_calls"


def test_each_choice_counts_its_own_calls() -> None:
    chunks = events(call(chat("hi", tools=TOOLS, stream=True, n=2)), result(*CALLS), ALL)
    for index in (0, 1):
        calls = [delta["tool_calls"] for delta in deltas(chunks, index) if "tool_calls" in delta]
        assert [one["index"] for [one] in calls] == [0, 0, 0, 1, 1]


@pytest.mark.parametrize(
    ("options", "finish_reason", "expected"),
    [
        ({"tools": TOOLS}, "stop", "tool_calls"),
        ({"tools": TOOLS, "tool_choice": "required"}, "stop", "tool_calls"),
        ({"tools": TOOLS, "tool_choice": NAMED}, "stop", "stop"),
        ({"tools": TOOLS}, "length", "length"),
        ({"functions": [{"name": "f"}]}, "stop", "function_call"),
        ({"functions": [{"name": "f"}], "function_call": {"name": "f"}}, "stop", "stop"),
        ({"functions": [{"name": "f"}]}, "length", "length"),
    ],
    ids=str,
)
def test_the_finish_reason_says_who_wanted_the_call(
    options: dict[str, Any], finish_reason: FinishReason, expected: str
) -> None:
    parsed = call(chat("hi", **options))
    answered = result(*CALLS[:3], finish_reason=finish_reason)
    assert told(parsed, answered)["choices"][0]["finish_reason"] == expected
    assert finish(events(parsed, answered)) == expected


def test_a_text_finishes_with_stop_where_tools_were_there() -> None:
    parsed = call(chat("hi", tools=TOOLS))
    assert finish(events(parsed, result(Piece("x")))) == "stop"


def test_a_legacy_call_stands_in_function_call() -> None:
    parsed = call(chat("hi", functions=[{"name": "f"}]))
    answered = result(*CALLS[:3])
    message = told(parsed, answered)["choices"][0]["message"]
    assert message["function_call"] == {"name": "f", "arguments": '{"a":1}'}
    assert message["content"] is None
    assert "tool_calls" not in message
    assert [delta["function_call"] for delta in deltas(events(parsed, answered))] == [
        {"name": "f", "arguments": ""},
        {"arguments": '{"a"'},
        {"arguments": ":1}"},
    ]


# Reasoning


def test_reasoning_is_counted_and_left_out_as_at_openai() -> None:
    parsed = call(chat("hi", tools=TOOLS))
    answer = told(parsed, ALL)
    assert "hm so" not in json.dumps(answer)
    assert answer["usage"]["completion_tokens_details"]["reasoning_tokens"] == 2
    assert deltas(events(parsed, ALL))[0] == {"content": "Well"}


def test_reasoning_has_a_member_of_its_own_where_the_server_is_told_to_tell_it() -> None:
    parsed = call(chat("hi", tools=TOOLS), replace(SERVED, reasoning_content=True))
    answer = told(parsed, ALL)
    assert answer["choices"][0]["message"]["reasoning_content"] == "hm so"
    assert answer["usage"]["completion_tokens_details"]["reasoning_tokens"] == 2
    said = deltas(events(parsed, ALL))
    assert said[:3] == [
        {"reasoning_content": "hm"},
        {"reasoning_content": " so"},
        {"content": "Well"},
    ]


# Log-probabilities


EURO = "€".encode()
TOKENS = result(
    Piece(
        "a",
        tokens=(Token(b"a", -0.5, ((b"a", -0.5), (b"b", float("-inf")), (b"c", float("nan")))),),
    ),
    Piece("", tokens=(Token(EURO[:2], -1.0),)),
    Piece("€", tokens=(Token(EURO[2:], 0.0),)),
)


def logprob(token: str, value: float, data: bytes) -> dict[str, Any]:
    return {"token": token, "logprob": value, "bytes": list(data)}


LOGPROBS = [
    {
        **logprob("a", -0.5, b"a"),
        "top_logprobs": [
            logprob("a", -0.5, b"a"),
            logprob("b", -9999.0, b"b"),
            logprob("c", -9999.0, b"c"),
        ],
    },
    {**logprob("bytes:\\xe2\\x82", -1.0, EURO[:2]), "top_logprobs": []},
    {**logprob("bytes:\\xac", 0.0, EURO[2:]), "top_logprobs": []},
]


def test_log_probabilities_are_told_where_they_were_asked_for() -> None:
    parsed = call(chat("hi", logprobs=True, top_logprobs=2))
    [choice] = told(parsed, TOKENS)["choices"]
    assert choice["logprobs"] == {"content": LOGPROBS, "refusal": None}
    chunks = events(parsed, TOKENS)
    assert [delta["content"] for delta in deltas(chunks)] == ["a", "", "€"]
    choices = [chunk["choices"][0] for chunk in chunks][1:-1]
    assert [choice["logprobs"]["content"] for choice in choices] == [[one] for one in LOGPROBS]


def test_there_may_be_none_to_tell() -> None:
    [choice] = told(call(chat("hi", tools=TOOLS, logprobs=True)), result(*CALLS))["choices"]
    assert choice["logprobs"] == {"content": [], "refusal": None}


# Whole and streamed


WORDS = st.text(max_size=5)
PIECES = st.tuples(
    st.lists(st.builds(Piece, WORDS, st.just("reasoning")), max_size=2),
    st.lists(st.builds(Piece, WORDS), max_size=3),
    st.lists(
        st.tuples(st.sampled_from("fg"), st.lists(WORDS, min_size=1, max_size=3)),
        max_size=3,
    ),
)


@given(PIECES, st.sampled_from(["stop", "length"]), st.booleans())
def test_a_client_puts_the_events_together_to_the_whole_answer(
    said: Any, finish_reason: FinishReason, legacy: bool
) -> None:
    reasoning, text, calls = said
    pieces = [*reasoning, *text]
    for name, arguments in calls[: 1 if legacy else None]:
        pieces.append(Piece(name, "call"))
        pieces.extend(Piece(one, "arguments") for one in arguments)
    answered = result(*pieces, finish_reason=finish_reason)
    options = {"functions": [{"name": "f"}]} if legacy else {"tools": TOOLS}
    body = chat("hi", stream=True, **options)
    parsed = call(body, replace(SERVED, reasoning_content=legacy))
    state = ChatCompletionStreamState()
    for chunk in events(parsed, answered):
        state.handle_chunk(ChatCompletionChunk.model_validate(chunk))
    whole = told(parsed, answered)["choices"][0]
    put_together = state.current_completion_snapshot.choices[0]
    assert put_together.finish_reason == whole["finish_reason"]
    message = put_together.message.to_dict(mode="json")
    assert (message["content"] or "") == (whole["message"]["content"] or "")
    assert message.get("reasoning_content", "") == whole["message"].get("reasoning_content", "")
    assert message.get("function_call") == whole["message"].get("function_call")
    streamed: Any = message.get("tool_calls") or []
    for index, one in enumerate(streamed):
        assert one.pop("index", index) == index
        one["function"].pop("parsed_arguments", None)
    assert streamed == (whole["message"].get("tool_calls") or [])
