"""Functions that a model may call, and which of them it has to: what both APIs check alike."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypedDict

from pydantic import Field

from slmtape.errors import RequestError
from slmtape.generation import Tool
from slmtape.protocols.openai import errors, schemas
from slmtape.protocols.openai.wire import Strict, read

MODES = ("none", "auto", "required")
MOST = 128
"""How many functions a request may define."""

Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-zA-Z0-9_-]+$")]


class Function(Strict):
    """A function as clients define it. `parameters` is a JSON schema; None: no arguments."""

    name: Name
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class ResponsesFunction(Function):
    """A function as the Responses API has it. What it adds says who calls, and what comes back."""

    async_: bool | None = Field(None, alias="async")
    allowed_callers: list[Literal["direct", "programmatic"]] | None = None
    defer_loading: bool | None = None
    output_schema: dict[str, Any] | None = None


class Named(Strict):
    """A function's name where it is all that is told."""

    name: str


@dataclass(frozen=True, slots=True)
class Dialect:
    """How an API writes tools. `types`: those it has; none but functions are supported here.

    `nested`: what is told of a function stands in its member `function`, not beside its `type`;
    the same goes for what is told of allowed tools.
    """

    types: tuple[str, ...]
    definition: type[Function]
    nested: bool

    def inner(self, given: dict[str, Any], param: str, kind: str) -> tuple[Any, str]:
        """What is told of a tool or choice of this type, and the path of that."""
        if not self.nested:
            if kind == "function" and "function" in given and given.get("name") is None:
                raise errors.missing(f"{param}.name")  # it was written for chat completions
            return {name: value for name, value in given.items() if name != "type"}, param
        for name in given:
            if name not in ("type", kind):
                raise errors.unknown(f"{param}.{name}")
        if given.get(kind) is None:
            raise errors.missing(f"{param}.{kind}")
        return given[kind], f"{param}.{kind}"


CHAT = Dialect(types=("function", "custom"), definition=Function, nested=True)
RESPONSES = Dialect(
    types=(
        *("function", "custom", "file_search", "web_search", "web_search_2025_08_26"),
        *("web_search_preview", "web_search_preview_2025_03_11", "mcp", "code_interpreter"),
        *("computer", "computer_use", "computer_use_preview", "image_generation", "local_shell"),
        *("shell", "apply_patch", "namespace", "tool_search", "programmatic_tool_calling"),
    ),
    definition=ResponsesFunction,
    nested=False,
)


class RequestFields(TypedDict):
    """The fields of a GenerationRequest that tools decide."""

    tools: tuple[Tool, ...]
    tool_choice: Literal["auto", "required"]
    allowed_tools: tuple[str, ...]
    parallel_tool_calls: bool


@dataclass(frozen=True, slots=True)
class ToolUse:
    """What a request says of tools, as a GenerationRequest says it. `named`: one had to be called.

    `tools` is empty where none may be called.
    """

    tools: tuple[Tool, ...] = ()
    tool_choice: Literal["auto", "required"] = "auto"
    allowed_tools: tuple[str, ...] = ()
    parallel_tool_calls: bool = True
    named: bool = False

    @property
    def fields(self) -> RequestFields:
        """For `GenerationRequest(**use.fields)`."""
        return {
            "tools": self.tools,
            "tool_choice": self.tool_choice,
            "allowed_tools": self.allowed_tools,
            "parallel_tool_calls": self.parallel_tool_calls,
        }


def functions(given: Sequence[Any], dialect: Dialect, param: str = "tools") -> tuple[Tool, ...]:
    """The functions that a request defines. Raises RequestError."""
    tools = []
    for index, tool in enumerate(given):
        inner, where = _function(tool, dialect, f"{param}[{index}]")
        tools.append(define(inner, where, dialect.definition))
    check(tools, param)
    return tuple(tools)


def define(given: Any, param: str, definition: type[Function] = Function) -> Tool:
    """The function whose definition stands at `param`. Raises RequestError."""
    function = read(definition, given, param)
    parameters = None
    if function.parameters is not None:
        parameters = schemas.check(
            function.parameters,
            strict=bool(function.strict),
            what=f"function '{function.name}'",
            param=f"{param}.parameters",
            code="invalid_function_parameters",
        )
    return Tool(function.name, function.description, parameters)


def check(tools: Sequence[Tool], param: str) -> None:
    """Raises RequestError where there are too many functions, or two of one name."""
    if len(tools) > MOST:
        raise errors.long_array(param, MOST, len(tools))
    seen: set[str] = set()
    for index, tool in enumerate(tools):
        if tool.name in seen:
            raise RequestError(
                f"Invalid '{param}': there are two functions named '{tool.name}'. "
                f"Give '{param}[{index}]' another name.",
                param=param,
                code="invalid_value",
            )
        seen.add(tool.name)


def use(tools: tuple[Tool, ...], choice: Any, parallel: bool | None, dialect: Dialect) -> ToolUse:
    """What these functions, `tool_choice` and `parallel_tool_calls` come to; None: not given.

    Raises RequestError.
    """
    several = parallel is not False
    match choice:
        case None | "auto":
            return ToolUse(tools, parallel_tool_calls=several)
        case "none":
            return ToolUse()
        case "required":
            _need(tools, "tool_choice")
            return ToolUse(tools, "required", parallel_tool_calls=several)
        case str():
            raise errors.not_among("tool_choice", choice, MODES)
        case dict():
            return _chosen(tools, choice, several, dialect)
        case _:
            raise errors.wrong_type("tool_choice", "one of a string or object", choice)


def call_id(key: str, ordinal: int) -> str:
    """The id of an answer's call: of the recording's key, and how many calls come before it."""
    return f"call_{hashlib.sha256(f'{key} {ordinal}'.encode()).hexdigest()[:24]}"


def only(tools: tuple[Tool, ...], name: str, param: str, among: str) -> ToolUse:
    """The use of `tools` that calls the function of this name, once. Raises RequestError."""
    _known(tools, [name], param, among)
    return ToolUse(tools, "required", (name,), parallel_tool_calls=False, named=True)


def _chosen(
    tools: tuple[Tool, ...], choice: dict[str, Any], several: bool, dialect: Dialect
) -> ToolUse:
    """The use where `tool_choice` is an object."""
    types = (*dialect.types, "allowed_tools")
    kind = _type(choice, "tool_choice", types)
    inner, where = dialect.inner(choice, "tool_choice", kind)
    _need(tools, "tool_choice")
    if kind == "function":
        return only(tools, read(Named, inner, where).name, "tool_choice", "tools")
    allowed = read(Allowed, inner, where)
    names = [
        read(Named, *_function(tool, dialect, f"{where}.tools[{index}]")).name
        for index, tool in enumerate(allowed.tools)
    ]
    _known(tools, names, "tool_choice", "tools")
    return ToolUse(tools, allowed.mode, tuple(names), parallel_tool_calls=several)


class Allowed(Strict):
    """What `allowed_tools` says."""

    mode: Literal["auto", "required"]
    tools: Annotated[list[Any], Field(min_length=1)]


def _function(tool: Any, dialect: Dialect, param: str) -> tuple[Any, str]:
    """What is told of a tool that has to be a function, and the path of that."""
    if not isinstance(tool, dict):
        raise errors.wrong_type(param, "an object", tool)
    kind = _type(tool, param, dialect.types)
    return dialect.inner(tool, param, kind)


def _type(given: dict[str, Any], param: str, types: Sequence[str]) -> str:
    kind = given.get("type")
    if kind is None:
        raise errors.missing(f"{param}.type")
    if kind not in types:
        raise errors.not_among(f"{param}.type", kind, types)
    if kind not in ("function", "allowed_tools"):
        raise errors.unsupported(f"{param}.type", f"the type '{kind}'", "Define a function.")
    return str(kind)


def _need(tools: Sequence[Tool], param: str) -> None:
    if not tools:
        raise errors.needing(param, "tools")


def _known(tools: Sequence[Tool], names: Iterable[str], param: str, among: str) -> None:
    defined = [tool.name for tool in tools]
    for name in names:
        if name not in defined:
            raise RequestError(
                f"Invalid value for '{param}': no function named '{name}' was specified in the "
                f"'{among}' parameter, which has {errors.listed(defined)}.",
                param=param,
                code="invalid_value",
            )
