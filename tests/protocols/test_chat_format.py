"""`response_format` of a chat completion."""

import json
from typing import Any

import pytest

from slmtape.generation import JsonFormat
from tests.protocols.calls import call, refusal
from tests.support import chat

SCHEMA = {
    "type": "object",
    "properties": {"b": {"type": "string"}, "a": {"type": "integer"}},
    "required": ["b", "a"],
    "additionalProperties": False,
}


def form(**given: Any) -> dict[str, Any]:
    return {"response_format": given}


def test_text_is_what_is_answered_anyway() -> None:
    assert call(chat("hi", **form(type="text"))).request == call(chat("hi")).request


@pytest.mark.parametrize("role", ["system", "user", "assistant"])
def test_json_is_asked_for_in_any_message(role: str) -> None:
    mention = {"role": role, "content": [{"type": "text", "text": "Answer in JSON."}]}
    body = chat("hi", **form(type="json_object"))
    body["messages"].append(mention)
    assert call(body).request.response_format == JsonFormat()


def test_a_schema_keeps_the_order_of_its_properties() -> None:
    given = {"name": "n", "description": "An n.", "schema": SCHEMA, "strict": True}
    asked = call(chat("hi", **form(type="json_schema", json_schema=given))).request.response_format
    assert asked == JsonFormat(json.dumps(SCHEMA, separators=(",", ":")), "An n.")


def test_a_name_changes_no_answer() -> None:
    asked = call(chat("hi", **form(type="json_schema", json_schema={"name": "n"})))
    assert asked.request.response_format == JsonFormat()


MISTAKES: list[tuple[dict[str, Any], str, str | None, str]] = [
    ({}, "response_format.type", "missing_required_parameter", ""),
    (
        {"type": "xml"},
        "response_format.type",
        "invalid_value",
        "'json_object', 'json_schema', and 'text'",
    ),
    (
        {"type": "json_object"},
        "messages",
        None,
        "'messages' must contain the word 'json' in some form",
    ),
    ({"type": "json_schema"}, "response_format.json_schema", "missing_required_parameter", ""),
    (
        {"type": "json_schema", "json_schema": {"schema": SCHEMA}},
        "response_format.json_schema.name",
        "missing_required_parameter",
        "",
    ),
    (
        {"type": "json_schema", "json_schema": {"name": "a b", "schema": SCHEMA}},
        "response_format.json_schema.name",
        "invalid_value",
        "pattern",
    ),
    (
        {"type": "json_schema", "json_schema": {"name": "n", "strict": True}},
        "response_format.json_schema.schema",
        "missing_required_parameter",
        "",
    ),
    (
        {"type": "json_schema", "json_schema": {"name": "n", "schema": []}},
        "response_format.json_schema.schema",
        "invalid_type",
        "expected an object, but got an array",
    ),
    (
        {"type": "text", "json_schema": {"name": "n"}},
        "response_format.json_schema",
        "unknown_parameter",
        "",
    ),
    ({"type": "text", "x": 1}, "response_format.x", "unknown_parameter", ""),
]


@pytest.mark.parametrize(
    ("given", "param", "code", "words"), MISTAKES, ids=[json.dumps(m[0])[:70] for m in MISTAKES]
)
def test_a_mistake_gets_the_error_that_openai_gives(
    given: dict[str, Any], param: str, code: str | None, words: str
) -> None:
    error = refusal(chat("hi", response_format=given))
    assert (error.param, error.code) == (param, code)
    assert words in error.message
