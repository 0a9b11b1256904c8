"""What a tool format is: how functions are told to a model, and how it writes its calls."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from slmtape.generation import Message, Tool, ToolCall


@dataclass(frozen=True, slots=True)
class Syntax:
    """A call as a model is taught to write it: `opens` name `middle` arguments `closes`.

    `trigger` is what tells a call from other text, None: only that an answer begins with it.
    `between` stands between two calls, None: there is one at most.
    """

    trigger: str | None
    opens: str
    middle: str
    closes: str
    between: str | None

    def written(self, call: ToolCall) -> str:
        """This call, as the model would have written it."""
        arguments = json.dumps(_arguments(call), ensure_ascii=False)
        return f"{self.opens}{call.name}{self.middle}{arguments}{self.closes}"


@dataclass(frozen=True, slots=True)
class Format:
    """How models of a family are told of functions, and write their calls.

    `taught` says whether a chat template (its source) teaches this format, `syntax` how a call is
    written; None: not at all, its arguments are asked for in words. `tell` is a conversation, and
    the functions for it, as messages that the template tells whole; `variables` are what the
    template reads of the functions besides.
    """

    taught: Callable[[str], bool]
    syntax: Syntax | None
    tell: Callable[[Sequence[Message], Sequence[Tool]], tuple[Message, ...]]
    variables: Callable[[Sequence[Tool]], dict[str, Any]]


_NO_ARGUMENTS = '{"type":"object","properties":{}}'


def told(tools: Sequence[Tool]) -> list[dict[str, Any]]:
    """Functions as most chat templates want them: as OpenAI's `tools`."""
    return [{"type": "function", "function": _function(tool)} for tool in tools]


def called(call: ToolCall) -> dict[str, Any]:
    """A call of an earlier turn as chat templates want it."""
    function = {"name": call.name, "arguments": _arguments(call)}
    return {"id": call.id, "type": "function", "function": function}


def _function(tool: Tool) -> dict[str, Any]:
    about = {} if tool.description is None else {"description": tool.description}
    parameters = json.loads(tool.parameters or _NO_ARGUMENTS)
    return {"name": tool.name, **about, "parameters": parameters}


def _arguments(call: ToolCall) -> Any:
    try:
        return json.loads(call.arguments)
    except (ValueError, RecursionError):
        return call.arguments
