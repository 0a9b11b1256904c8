"""Tools and functions in a chat completion's body."""

import json
from typing import Any

import pytest

from slmtape.generation import Tool
from tests.protocols.calls import call, refusal
from tests.support import chat

PARAMETERS = {"type": "object", "properties": {"a": {"type": "integer"}}}
F = {"name": "f", "description": "Does f.", "parameters": PARAMETERS}
TOOLS = [{"type": "function", "function": F}, {"type": "function", "function": {"name": "g"}}]
DEFINED = (Tool("f", "Does f.", json.dumps(PARAMETERS, separators=(",", ":"))), Tool("g"))
NAMED = {"type": "function", "function": {"name": "g"}}


def test_tools_and_the_choice_are_in_the_request() -> None:
    asked = call(chat("hi", tools=TOOLS)).request
    assert asked.tools == DEFINED
    assert (asked.tool_choice, asked.allowed_tools, asked.parallel_tool_calls) == ("auto", (), True)
    one = call(chat("hi", tools=TOOLS, tool_choice="required", parallel_tool_calls=False)).request
    assert (one.tool_choice, one.parallel_tool_calls) == ("required", False)


def test_a_named_function_is_the_only_one_that_may_be_called() -> None:
    asked = call(chat("hi", tools=TOOLS, tool_choice=NAMED)).request
    assert (asked.tool_choice, asked.allowed_tools) == ("required", ("g",))
    assert asked.parallel_tool_calls is False


def test_tools_that_may_not_be_called_change_no_answer() -> None:
    assert call(chat("hi", tools=TOOLS, tool_choice="none")).request == call(chat("hi")).request


def test_strict_changes_no_answer() -> None:
    strict = {**PARAMETERS, "required": ["a"], "additionalProperties": False}
    one, other = (
        call(chat("hi", tools=[{"type": "function", "function": {**F, **given}}]))
        for given in ({"parameters": strict, "strict": True}, {"parameters": strict})
    )
    assert one.request == other.request


@pytest.mark.parametrize(
    ("legacy", "choice"),
    [
        (None, "auto"),
        ("auto", "auto"),
        ({"name": "f"}, {"type": "function", "function": F["name"]}),
    ],
    ids=str,
)
def test_functions_are_tools_of_which_one_is_called(legacy: Any, choice: Any) -> None:
    functions = [F, {"name": "g"}]
    asked = call(chat("hi", functions=functions, function_call=legacy)).request
    if isinstance(choice, dict):
        choice = {"type": "function", "function": {"name": "f"}}
    tools = chat("hi", tools=TOOLS, tool_choice=choice, parallel_tool_calls=False)
    assert asked == call(tools).request


def test_functions_that_may_not_be_called_change_no_answer() -> None:
    asked = call(chat("hi", functions=[F], function_call="none")).request
    assert asked == call(chat("hi")).request


MISTAKES: list[tuple[dict[str, Any], str, str | None, str]] = [
    (
        {"tool_choice": "none"},
        "tool_choice",
        None,
        "'tool_choice' is only allowed when 'tools' are specified",
    ),
    (
        {"parallel_tool_calls": True},
        "parallel_tool_calls",
        None,
        "'parallel_tool_calls' is only allowed when 'tools' are specified",
    ),
    (
        {"function_call": "auto"},
        "function_call",
        None,
        "'function_call' is only allowed when 'functions' are specified",
    ),
    *(
        (
            {"functions": [F], name: value},
            name,
            None,
            f"Invalid value for '{name}': '{name}' is only allowed when 'tools' are specified.",
        )
        for name, value in (("tool_choice", "none"), ("parallel_tool_calls", False))
    ),
    ({"tools": TOOLS, "functions": [F]}, "functions", None, "at the same time"),
    ({"tools": TOOLS, "function_call": "auto"}, "function_call", None, "only allowed when 'func"),
    (
        {"tools": [TOOLS[0], {"type": "function", "function": {"name": "a b"}}]},
        "tools[1].function.name",
        "invalid_value",
        "pattern",
    ),
    ({"tools": TOOLS * 2}, "tools", "invalid_value", "two functions named 'f'"),
    ({"tools": TOOLS, "tool_choice": "f"}, "tool_choice", "invalid_value", "'none', 'auto', and"),
    (
        {"functions": [{"parameters": {}}]},
        "functions[0].name",
        "missing_required_parameter",
        "",
    ),
    ({"functions": [F, F]}, "functions", "invalid_value", "two functions named 'f'"),
    (
        {"functions": [F], "function_call": "required"},
        "function_call",
        "invalid_value",
        "'none' and 'auto'",
    ),
    ({"functions": [F], "function_call": 1}, "function_call", "invalid_type", "string or object"),
    (
        {"functions": [F], "function_call": {}},
        "function_call.name",
        "missing_required_parameter",
        "",
    ),
    (
        {"functions": [F], "function_call": {"name": "h"}},
        "function_call",
        "invalid_value",
        "no function named 'h' was specified in the 'functions' parameter",
    ),
]


@pytest.mark.parametrize(
    ("change", "param", "code", "words"), MISTAKES, ids=[json.dumps(m[0])[:70] for m in MISTAKES]
)
def test_a_mistake_gets_the_error_that_openai_gives(
    change: dict[str, Any], param: str, code: str | None, words: str
) -> None:
    error = refusal(chat("hi", **change))
    assert (error.param, error.code) == (param, code)
    assert words in error.message
