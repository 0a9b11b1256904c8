"""Fixtures of aimock: recordings where they tell what was asked, or else stubs."""

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from slmtape.generation import EmbeddingRequest, GenerationRequest, GenerationResult, Recording
from slmtape.importing import Left, NotThisFormat, aimock
from slmtape.importing.aimock_stubs import Stub
from slmtape.importing.exchanges import Imported

RECORDED = json.loads((Path(__file__).parent / "aimock.json").read_text(encoding="utf-8"))


def imported(*fixtures: Any) -> list[Recording | Stub | Left]:
    found = aimock.imported({"fixtures": list(fixtures)}, "echo")
    return [one.recording if isinstance(one, Imported) else one for one in found]


def line(match: dict[str, Any], response: Any, **beside: Any) -> str:
    """The stub's line; it is Python."""
    *_, stub = imported({"match": match, "response": response, **beside})
    assert isinstance(stub, Stub), stub
    ast.parse(stub.line)
    return stub.line


def test_what_aimock_recorded_of_a_first_turn_is_a_recording() -> None:
    found = imported(*RECORDED["fixtures"])
    recordings = [one for one in found if isinstance(one, Recording)]
    hello, count, short = recordings
    assert isinstance(hello.request, GenerationRequest)
    assert [(m.role, m.content) for m in hello.request.messages] == [("user", "Hello!")]
    assert isinstance(hello.result, GenerationResult)
    assert hello.result.text == "Hello! How can I help you today?"
    assert (hello.result.prompt_tokens, hello.result.completion_tokens) == (14, 7)
    assert hello.made_with == {"imported_from": "aimock", "answered_by": "gpt-4o-mini"}
    assert isinstance(count.result, GenerationResult)
    assert count.result.text == "One two three ✓."
    assert isinstance(short.request, EmbeddingRequest)
    assert short.request.input == "a short text"


def test_what_it_recorded_of_instructions_and_tools_is_a_stub() -> None:
    found = imported(*RECORDED["fixtures"])
    briefly, weather, slow = [one.line for one in found if isinstance(one, Stub)]
    first = 'sum(m.role == "assistant" for m in request.messages) == 0'
    last = 'request.messages[-1].role != "tool"'
    asked = f"model='gpt-4o-mini', when=lambda request: {first} and {last}, optional=True"
    assert briefly == (
        "server.stub(Reply('Hello! How can I help you today?', usage=Usage(14, 7)), "
        f"user='And briefly?', {asked})"
    )
    assert weather.startswith(
        "server.stub(Reply(calls=[('get_weather', {'city': 'Paris'}), "
        "('get_weather', {'city': 'Rome'})], usage=Usage(14, 7)), user="
    )
    assert slow == (
        "server.fault(faults.Status(429, code='rate_limit_exceeded', message='Rate limit reached'),"
        f" user='slow down', {asked})"
    )


@pytest.mark.parametrize(
    ("match", "response", "told"),
    [
        ({"userMessage": "hi"}, {"content": "it's"}, "server.stub(\"it's\", user='hi', "),
        ({}, {"content": "any"}, "server.stub('any', optional=True)"),
        ({"userMessage": "a"}, {"content": {"b": None}}, "server.stub(Reply(data={'b': None}), "),
        (
            {"toolName": "f"},
            {"toolCalls": [{"name": "f", "arguments": "{"}]},
            "server.stub(Reply(calls=[('f', '{')]), "
            "when=lambda request: any(tool.name == 'f' for tool in request.tools), ",
        ),
        (
            {"systemMessage": ["a", "b"], "hasToolResult": True},
            {"content": "x", "reasoning": "y", "finishReason": "length"},
            "server.stub(Reply('x', reasoning='y', finish_reason='length'), when=lambda request: ",
        ),
        (
            {"inputText": "part"},
            {"embedding": [0.5, 1]},
            "server.stub(Reply(vector=[0.5, 1]), user='part', ",
        ),
        (
            {"userMessage": "a"},
            {
                "blocks": [
                    {"type": "toolCall", "name": "f", "arguments": {"a": True}},
                    {"type": "text", "text": "after"},
                ]
            },
            "server.stub(Reply('after', calls=[('f', {'a': True})]), user='a', ",
        ),
        (
            {"userMessage": "a"},
            {"error": {"message": "no"}, "status": 503, "retryAfter": 2},
            "server.fault(faults.Status(503, retry_after=2, message='no'), user='a', ",
        ),
    ],
)
def test_a_hint_of_a_request_is_a_stub(match: Any, response: Any, told: str) -> None:
    assert line(match, response).startswith(told)


def test_answers_in_a_sequence_are_one_stub() -> None:
    match = {"userMessage": "again"}
    fixtures = [
        {"match": {**match, "sequenceIndex": index}, "response": {"content": text}}
        for index, text in enumerate(["one", "two"])
    ]
    [stub] = imported(*fixtures)
    assert isinstance(stub, Stub)
    assert stub.line == "server.stub(['one', 'two'], user='again', optional=True)"


def test_what_a_stub_does_not_do_is_told() -> None:
    *lost, stub = imported(
        {"match": {"toolCallId": "call_1"}, "response": {"content": "x"}, "latency": 20}
    )
    assert isinstance(stub, Stub)
    assert 'request.messages[-1].role == "tool"' in stub.line
    assert [(one.what, one.partly) for one in lost if isinstance(one, Left)] == [
        ("its `latency`", True),
        ("`match.toolCallId`", True),
    ]


@pytest.mark.parametrize(
    ("fixture", "what"),
    [
        ({"match": {}, "response": {"image": {"url": "x"}}}, "an image"),
        ({"match": {}, "response": {"live": {}}}, "a live session"),
        ({"match": {}, "response": {"content": ""}}, "a fixture"),
        ({"match": {}}, "a fixture"),
        (3, "a fixture"),
    ],
)
def test_what_is_no_answer_is_told(fixture: Any, what: str) -> None:
    found = imported(fixture, {"match": {}, "response": {"content": "x"}})
    assert isinstance(found[0], Left)
    assert (found[0].place, found[0].what) == ("fixture 1", what)
    assert isinstance(found[1], Stub)


def test_another_file_is_told() -> None:
    others: list[Any] = [{}, [], {"fixtures": 3}]
    for document in others:
        with pytest.raises(NotThisFormat):
            list(aimock.imported(document, "echo"))
