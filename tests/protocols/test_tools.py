"""Functions and the choice among them, as both APIs write them."""

import json
from typing import Any, get_args

import pytest
from openai.types.responses.function_tool_param import FunctionToolParam
from openai.types.responses.tool_param import ToolParam
from openai.types.shared_params.function_definition import FunctionDefinition
from typing_extensions import get_type_hints

from slmtape.errors import RequestError
from slmtape.generation import Tool
from slmtape.protocols.openai import tools
from slmtape.protocols.openai.tools import CHAT, RESPONSES, Dialect, ToolUse

SCHEMA = {"type": "object", "properties": {"b": {}, "a": {}}}
F = Tool("f", "Does f.", '{"type":"object","properties":{"b":{},"a":{}}}')
G = Tool("g")


def chat_tool(**function: Any) -> dict[str, Any]:
    return {"type": "function", "function": function}


def flat_tool(**function: Any) -> dict[str, Any]:
    return {"type": "function", **function}


@pytest.mark.parametrize(
    ("written", "dialect"), [(chat_tool, CHAT), (flat_tool, RESPONSES)], ids=["chat", "responses"]
)
def test_functions_are_read_in_both_dialects(written: Any, dialect: Dialect) -> None:
    given = [
        written(name="f", description="Does f.", parameters=SCHEMA, strict=False),
        written(name="g", description=None, parameters=None, strict=None),
    ]
    assert tools.functions(given, dialect) == (F, G)


MISTAKES: list[tuple[list[Any], Dialect, str, str, str]] = [
    (["f"], CHAT, "tools[0]", "invalid_type", "expected an object, but got a string"),
    ([{}], CHAT, "tools[0].type", "missing_required_parameter", ""),
    ([{"type": 5}], CHAT, "tools[0].type", "invalid_type", "expected a string"),
    (
        [{"type": "fun"}],
        CHAT,
        "tools[0].type",
        "invalid_value",
        "Invalid value: 'fun'. Supported values are: 'function' and 'custom'.",
    ),
    (
        [{"type": "custom", "custom": {"name": "x"}}],
        CHAT,
        "tools[0].type",
        "unsupported_value",
        "the type 'custom' is not supported by this server. Define a function.",
    ),
    (
        [{"type": "web_search", "filters": {}}],
        RESPONSES,
        "tools[0].type",
        "unsupported_value",
        "'web_search'",
    ),
    ([{"type": "function"}], CHAT, "tools[0].function", "missing_required_parameter", ""),
    ([chat_tool()], CHAT, "tools[0].function.name", "missing_required_parameter", ""),
    ([chat_tool(name="f")], RESPONSES, "tools[0].name", "missing_required_parameter", ""),
    ([flat_tool(name="f")], CHAT, "tools[0].name", "unknown_parameter", ""),
    (
        [chat_tool(name="f"), chat_tool(name="a b")],
        CHAT,
        "tools[1].function.name",
        "invalid_value",
        "Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'",
    ),
    ([chat_tool(name="f\n")], CHAT, "tools[0].function.name", "invalid_value", "pattern"),
    ([chat_tool(name="")], CHAT, "tools[0].function.name", "empty_string", "empty string"),
    (
        [flat_tool(name="f" * 65)],
        RESPONSES,
        "tools[0].name",
        "string_above_max_length",
        "with maximum length 64, but got a string with length 65",
    ),
    (
        [chat_tool(name="f", parameters="{}")],
        CHAT,
        "tools[0].function.parameters",
        "invalid_type",
        "expected an object, but got a string",
    ),
    ([chat_tool(name="f", x=1)], CHAT, "tools[0].function.x", "unknown_parameter", ""),
    ([flat_tool(name="f")] * 2, RESPONSES, "tools", "invalid_value", "two functions named 'f'"),
    (
        [chat_tool(name=f"f{i}") for i in range(129)],
        CHAT,
        "tools",
        "array_above_max_length",
        "with maximum length 128, but got an array with length 129",
    ),
]


@pytest.mark.parametrize(
    ("given", "dialect", "param", "code", "words"),
    MISTAKES,
    ids=[json.dumps(m[0])[:60] for m in MISTAKES],
)
def test_a_mistake_in_a_function_is_told(
    given: list[Any], dialect: Dialect, param: str, code: str, words: str
) -> None:
    with pytest.raises(RequestError) as caught:
        tools.functions(given, dialect)
    assert (caught.value.param, caught.value.code) == (param, code)
    assert words in caught.value.message


def chat_choice(kind: str, **told: Any) -> dict[str, Any]:
    return {"type": kind, kind: told}


def flat_choice(kind: str, **told: Any) -> dict[str, Any]:
    return {"type": kind, **told}


@pytest.mark.parametrize(
    ("choice", "tool", "dialect"),
    [(chat_choice, chat_tool, CHAT), (flat_choice, flat_tool, RESPONSES)],
    ids=["chat", "responses"],
)
def test_every_choice_is_told_as_a_generation_request_tells_it(
    choice: Any, tool: Any, dialect: Dialect
) -> None:
    both = (F, G)

    def use(chosen: Any, parallel: bool | None = None) -> ToolUse:
        return tools.use(both, chosen, parallel, dialect)

    assert use(None) == use("auto") == ToolUse(both)
    assert use("none") == ToolUse()
    assert use("required") == ToolUse(both, "required")
    assert use("required", False) == ToolUse(both, "required", parallel_tool_calls=False)
    assert use(choice("function", name="g"), True) == ToolUse(
        both, "required", ("g",), parallel_tool_calls=False, named=True
    )
    for mode in ("auto", "required"):
        chosen = choice("allowed_tools", mode=mode, tools=[tool(name="g")])
        assert use(chosen).fields == {
            "tools": both,
            "tool_choice": mode,
            "allowed_tools": ("g",),
            "parallel_tool_calls": True,
        }


CHOICES: list[tuple[Any, str, str | None, str]] = [
    ("any", "tool_choice", "invalid_value", "'none', 'auto', and 'required'"),
    (5, "tool_choice", "invalid_type", "expected one of a string or object, but got an integer"),
    ({}, "tool_choice.type", "missing_required_parameter", ""),
    ({"type": "f"}, "tool_choice.type", "invalid_value", "'function', 'custom', and 'allowed_too"),
    (chat_choice("custom", name="x"), "tool_choice.type", "unsupported_value", "'custom'"),
    ({"type": "function"}, "tool_choice.function", "missing_required_parameter", ""),
    (chat_choice("function"), "tool_choice.function.name", "missing_required_parameter", ""),
    (flat_choice("function", name="f"), "tool_choice.name", "unknown_parameter", ""),
    (
        chat_choice("function", name="h"),
        "tool_choice",
        "invalid_value",
        "no function named 'h' was specified in the 'tools' parameter, which has 'f' and 'g'.",
    ),
    (
        chat_choice("allowed_tools", mode="none", tools=[chat_tool(name="f")]),
        "tool_choice.allowed_tools.mode",
        "invalid_value",
        "'auto' and 'required'",
    ),
    (
        chat_choice("allowed_tools", mode="auto", tools=[]),
        "tool_choice.allowed_tools.tools",
        "empty_array",
        "",
    ),
    (
        chat_choice("allowed_tools", mode="auto", tools=[chat_tool(name="f"), chat_tool()]),
        "tool_choice.allowed_tools.tools[1].function.name",
        "missing_required_parameter",
        "",
    ),
    (
        chat_choice("allowed_tools", mode="auto", tools=[chat_tool(name="h")]),
        "tool_choice",
        "invalid_value",
        "no function named 'h'",
    ),
]


@pytest.mark.parametrize(
    ("choice", "param", "code", "words"), CHOICES, ids=[json.dumps(c[0])[:60] for c in CHOICES]
)
def test_a_mistake_in_a_choice_is_told(
    choice: Any, param: str, code: str | None, words: str
) -> None:
    with pytest.raises(RequestError) as caught:
        tools.use((F, G), choice, None, CHAT)
    assert (caught.value.param, caught.value.code) == (param, code)
    assert words in caught.value.message


@pytest.mark.parametrize("choice", ["required", chat_choice("function", name="f")], ids=str)
def test_nothing_can_be_required_without_tools(choice: Any) -> None:
    with pytest.raises(RequestError, match="only allowed when 'tools' are specified") as caught:
        tools.use((), choice, None, CHAT)
    assert (caught.value.param, caught.value.code) == ("tool_choice", None)


def test_every_member_of_a_function_is_known() -> None:
    known = {field.alias or name for name, field in CHAT.definition.model_fields.items()}
    assert known == set(get_type_hints(FunctionDefinition))
    known = {field.alias or name for name, field in RESPONSES.definition.model_fields.items()}
    assert known == set(get_type_hints(FunctionToolParam)) - {"type"}


def test_every_type_of_tool_is_known() -> None:
    types = [get_args(get_type_hints(tool)["type"]) for tool in get_args(ToolParam)]
    # The last is only chosen, never defined.
    assert set(RESPONSES.types) == {name for names in types for name in names} | {"computer_use"}
