"""Results as responses: one JSON object, or server-sent events that come to the same."""

import json
import re
from dataclasses import replace
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import Response, ResponseStreamEvent

from slmtape.errors import EngineError
from slmtape.generation import FinishReason, GenerationResult, Piece, Token
from slmtape.protocols.openai.responses import ResponseCall
from slmtape.protocols.openai.responses_stored import cancel, one
from tests.protocols.responding import KEY, asking, call, function, incoming

EVENTS = {
    get_args(event.model_fields["type"].annotation)[0]: event
    for event in get_args(get_args(ResponseStreamEvent)[0])
}
"""The client library's classes, by the type of event."""

BEGUN = r"created (queued )?in_progress "
ITEM = (
    r"(output_item.added ("
    r"content_part.added (output_text.delta )*output_text.done content_part.done "
    r"|(reasoning_text.delta )+reasoning_text.done "
    r"|(function_call_arguments.delta )*function_call_arguments.done "
    r")output_item.done )"
)
GRAMMAR = re.compile(f"{BEGUN}{ITEM}+(completed|incomplete) ")
FAILED = re.compile(f"{BEGUN}{ITEM}*failed ")

WORDS = st.text(min_size=1, max_size=4)
REASONING = WORDS.map(lambda text: Piece(text, "reasoning"))
TEXT = WORDS.map(lambda text: Piece(text, tokens=(Token(text.encode(), -0.5, ((b"x", -1.0),)),)))
CALL = st.tuples(WORDS, st.lists(WORDS, max_size=3)).map(
    lambda call: [Piece(call[0], "call"), *(Piece(text, "arguments") for text in call[1])]
)
PIECES = st.tuples(
    st.lists(REASONING, max_size=3), st.lists(TEXT, max_size=4), st.lists(CALL, max_size=3)
).map(lambda parts: [*parts[0], *parts[1], *(piece for call in parts[2] for piece in call)])


def result(*pieces: Piece, finish_reason: FinishReason = "stop") -> GenerationResult:
    return GenerationResult(
        pieces=pieces,
        finish_reason=finish_reason,
        prompt_tokens=7,
        completion_tokens=len(pieces),
        reasoning_tokens=sum(piece.kind == "reasoning" for piece in pieces),
    )


def whole(parsed: ResponseCall, answer: GenerationResult) -> Any:
    """The JSON of a response that the client library takes as it is."""
    told = json.loads(parsed.render([KEY], [answer]))
    Response.model_validate(told, strict=True)
    return told


def events(parsed: ResponseCall, answer: GenerationResult) -> list[Any]:
    """The data of all events, each of which the client library takes as it is."""
    rendering = parsed.rendering([KEY])
    text = rendering.open()
    text += "".join(rendering.piece(0, piece) for piece in answer.pieces)
    text += rendering.close([answer])
    return checked(text)


def checked(text: str) -> list[Any]:
    told = []
    for number, event in enumerate(text.removesuffix("\n\n").split("\n\n")):
        name, data = event.split("\n")
        told.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {told[-1]['type']}"
        assert told[-1]["sequence_number"] == number
        EVENTS[told[-1]["type"]].model_validate(told[-1], strict=True)
    return told


MEMBERS = (
    *("id", "object", "created_at", "status", "background", "completed_at", "error"),
    *("incomplete_details", "instructions", "max_output_tokens", "max_tool_calls", "model"),
    *("output", "parallel_tool_calls", "previous_response_id", "prompt_cache_key", "reasoning"),
    *("safety_identifier", "service_tier", "store", "temperature", "text", "tool_choice", "tools"),
    *("top_logprobs", "top_p", "truncation", "usage", "user", "metadata"),
    *("conversation", "prompt_cache_retention"),
)


def test_a_response_has_all_members() -> None:
    told = whole(call(asking(model="gpt-4o-mini")), result(Piece("Hé"), Piece("llo")))
    assert set(told) == set(MEMBERS)
    assert told["model"] == "gpt-4o-mini"
    assert told["status"] == "completed"
    assert told["completed_at"] == told["created_at"]
    [message] = told["output"]
    assert message | {"id": ""} == {
        "id": "",
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "Héllo", "annotations": [], "logprobs": []}],
    }
    assert told["usage"] == {
        "input_tokens": 7,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": 2,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 9,
    }


def test_what_is_not_set_comes_back_as_its_default() -> None:
    told = whole(call(asking()), result(Piece("x")))
    assert (told["temperature"], told["top_p"], told["top_logprobs"]) == (1.0, 1.0, 0)
    assert (told["store"], told["background"], told["parallel_tool_calls"]) == (True, False, True)
    assert (told["truncation"], told["service_tier"]) == ("disabled", "default")
    assert told["text"] == {"format": {"type": "text"}, "verbosity": "medium"}
    assert told["reasoning"] == {"effort": None, "summary": None}
    assert (told["tools"], told["tool_choice"], told["metadata"]) == ([], "auto", {})


def test_what_is_set_comes_back() -> None:
    fields = {
        "temperature": 0.5,
        "top_p": 0.5,
        "instructions": "Be brief.",
        "max_output_tokens": 99,
        "max_tool_calls": 2,
        "parallel_tool_calls": False,
        "prompt_cache_key": "k",
        "prompt_cache_retention": "24h",
        "safety_identifier": "s",
        "service_tier": "flex",
        "store": False,
        "tool_choice": {"type": "function", "name": "f"},
        "top_logprobs": 2,
        "truncation": "auto",
        "user": "u",
        "metadata": {"a": "b"},
    }
    told = whole(call(asking(tools=[function()], **fields)), result(Piece("x")))
    assert {name: told[name] for name in fields} == fields
    assert told["tools"] == [function(description=None, strict=True)]


@pytest.mark.parametrize(("given", "echo"), [("auto", "default"), ("fast", "priority")])
def test_the_service_tier_is_the_one_that_served(given: str, echo: str) -> None:
    assert whole(call(asking(service_tier=given)), result(Piece("x")))["service_tier"] == echo


def test_what_was_thought_comes_before_what_is_said_and_calls_after_it() -> None:
    answer = result(
        Piece("hm", "reasoning"),
        Piece("Well."),
        Piece("f", "call"),
        Piece('{"a":', "arguments"),
        Piece("1}", "arguments"),
        Piece("g", "call"),
    )
    told = whole(call(asking()), answer)
    thought, said, first, second = told["output"]
    assert thought["type"] == "reasoning"
    assert thought["content"] == [{"type": "reasoning_text", "text": "hm"}]
    assert thought["summary"] == []
    assert "encrypted_content" not in thought
    assert said["content"][0]["text"] == "Well."
    assert (first["name"], first["arguments"]) == ("f", '{"a":1}')
    assert (second["name"], second["arguments"]) == ("g", "")
    prefixes = [item["id"].split("_")[0] for item in told["output"]]
    assert prefixes == ["rs", "msg", "fc", "fc"]
    assert len({item["id"] for item in told["output"]}) == 4
    assert first["call_id"].startswith("call_")
    assert first["call_id"] != second["call_id"]
    assert told["usage"]["output_tokens_details"] == {"reasoning_tokens": 1}


def test_reasoning_is_encrypted_where_that_is_asked_for() -> None:
    parsed = call(asking(include=["reasoning.encrypted_content"]))
    thought, _ = whole(parsed, result(Piece("hm", "reasoning"), Piece("x")))["output"]
    assert thought["encrypted_content"]


def test_a_call_alone_has_no_message_beside_it() -> None:
    [item] = whole(call(asking()), result(Piece("f", "call"), Piece("{}", "arguments")))["output"]
    assert item["type"] == "function_call"


def test_an_empty_answer_is_a_message() -> None:
    [item] = whole(call(asking()), result())["output"]
    assert item["content"][0]["text"] == ""


@pytest.mark.parametrize(
    ("pieces", "statuses"),
    [
        ([Piece("a")], ["incomplete"]),
        ([Piece("a"), Piece("f", "call"), Piece("{", "arguments")], ["completed", "incomplete"]),
        ([Piece("hm", "reasoning")], [None]),
        ([Piece("hm", "reasoning"), Piece("a")], [None, "incomplete"]),
    ],
    ids=["text", "arguments", "reasoning", "text after reasoning"],
)
def test_an_answer_that_was_cut_off_is_incomplete(
    pieces: list[Piece], statuses: list[str | None]
) -> None:
    answer = result(*pieces, finish_reason="length")
    told = whole(call(asking()), answer)
    assert told["status"] == "incomplete"
    assert told["incomplete_details"] == {"reason": "max_output_tokens"}
    assert told["completed_at"] is None
    assert [item.get("status") for item in told["output"]] == statuses
    assert events(call(asking()), answer)[-1]["type"] == "response.incomplete"


def test_log_probabilities_come_with_the_text() -> None:
    parsed = call(asking(include=["message.output_text.logprobs"], top_logprobs=1))
    token = Token(b"hi", -0.5, ((b"yo", -1.5),))
    answer = result(Piece("hi", tokens=(token,)))
    expected = [
        {
            "token": "hi",
            "bytes": [104, 105],
            "logprob": -0.5,
            "top_logprobs": [{"token": "yo", "bytes": [121, 111], "logprob": -1.5}],
        }
    ]
    assert whole(parsed, answer)["output"][0]["content"][0]["logprobs"] == expected
    by_type = {event["type"]: event for event in events(parsed, answer)}
    assert by_type["response.output_text.delta"]["logprobs"] == expected
    assert by_type["response.output_text.done"]["logprobs"] == expected
    assert by_type["response.content_part.done"]["part"]["logprobs"] == expected


def test_ids_and_times_derive_from_the_key_and_the_settings() -> None:
    answer = result(Piece("x"))
    plain, same, other = (call(asking(metadata={"a": value})) for value in "112")
    assert plain.render([KEY], [answer]) == same.render([KEY], [answer])
    told, differs = whole(plain, answer), whole(other, answer)
    assert told["id"] != differs["id"]
    assert told["output"][0]["id"] != differs["output"][0]["id"]
    assert told["created_at"] == differs["created_at"]
    elsewhere = json.loads(call(asking(metadata={"a": "1"})).render(["b" * 16], [answer]))
    assert (elsewhere["id"], elsewhere["created_at"]) != (told["id"], told["created_at"])


@given(PIECES, st.sampled_from(["stop", "length"]), st.booleans())
def test_events_follow_the_grammar_and_come_to_the_response(
    pieces: list[Piece], finish_reason: FinishReason, background: bool
) -> None:
    answer = result(*pieces, finish_reason=finish_reason)
    parsed = call(asking(stream=True, background=background))
    told = events(parsed, answer)
    names = "".join(event["type"].removeprefix("response.") + " " for event in told)
    assert GRAMMAR.fullmatch(names)
    assert ("queued " in names) == background
    final = told[-1]["response"]
    assert final == whole(parsed, answer)
    assert final["output"] == [e["item"] for e in told if e["type"].endswith("item.done")]
    assert [e["response"]["output"] for e in told if "response" in e][:-1] == [[]] * (
        2 + background
    )
    for event in told:
        if "item_id" in event:
            assert final["output"][event["output_index"]]["id"] == event["item_id"]


@given(PIECES)
def test_deltas_add_up_to_the_items(pieces: list[Piece]) -> None:
    told = events(call(asking(stream=True)), result(*pieces))
    sums: dict[str, str] = {}
    for event in told:
        if event["type"].endswith(".delta"):
            sums[event["item_id"]] = sums.get(event["item_id"], "") + event["delta"]
    for item in told[-1]["response"]["output"]:
        said = item.get("arguments")
        [text] = [part["text"] for part in item.get("content", ())] or [said]
        assert sums.get(item["id"], "") == text


@given(PIECES)
def test_a_failure_in_the_middle_ends_what_was_begun(pieces: list[Piece]) -> None:
    parsed = call(asking(stream=True))
    rendering = parsed.rendering([KEY])
    text = rendering.open() + "".join(rendering.piece(0, piece) for piece in pieces)
    error = EngineError("It broke.")
    told = checked(text + rendering.error(error))
    names = "".join(event["type"].removeprefix("response.") + " " for event in told)
    assert FAILED.fullmatch(names)
    failed = told[-1]["response"]
    assert failed["status"] == "failed"
    assert failed["error"] == {"code": "server_error", "message": "It broke."}
    assert failed["output"] == [e["item"] for e in told if e["type"].endswith("item.done")]
    for item in failed["output"]:
        state = "incomplete" if item is failed["output"][-1] else "completed"
        assert item["type"] == "reasoning" or item["status"] == state
    parsed.keep([KEY], error)
    assert parsed.memory.responses[failed["id"]].body == failed


OUTCOMES: list[Any] = [[result(Piece("x"))], EngineError("It broke.")]


@pytest.mark.parametrize("outcome", OUTCOMES, ids=["done", "failed"])
def test_what_was_cancelled_stays_cancelled(outcome: Any) -> None:
    parsed = call(asking(background=True))
    begun = json.loads(parsed.begin([KEY], lambda: parsed.keep([KEY], outcome)))
    at = replace(incoming(None, memory=parsed.memory), path={"response_id": begun["id"]})
    assert cancel(at)["status"] == "cancelled"
    parsed.keep([KEY], outcome)
    assert one(at)["status"] == "cancelled"


@pytest.mark.parametrize("outcome", OUTCOMES, ids=["completed", "failed"])
def test_what_has_ended_is_not_cancelled(outcome: Any, request: pytest.FixtureRequest) -> None:
    parsed = call(asking(background=True))
    begun = json.loads(parsed.begin([KEY], lambda: pytest.fail("It has ended.")))
    parsed.keep([KEY], outcome)
    at = replace(incoming(None, memory=parsed.memory), path={"response_id": begun["id"]})
    assert cancel(at)["status"] == one(at)["status"] == request.node.callspec.id
