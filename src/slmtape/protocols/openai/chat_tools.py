"""The tools of a chat completion, also where they are written as `functions`."""

from collections.abc import Sequence
from typing import Any

from slmtape.generation import Tool
from slmtape.protocols.openai import errors, tools
from slmtape.protocols.openai.tools import CHAT, Named, ToolUse
from slmtape.protocols.openai.wire import read


def legacy_functions(given: Sequence[Any]) -> list[Tool]:
    """What `functions` defines. Raises RequestError."""
    defined = [tools.define(one, f"functions[{index}]") for index, one in enumerate(given)]
    tools.check(defined, "functions")
    return defined


def tool_use(given: Sequence[Tool] | None, choice: Any, parallel: bool | None) -> ToolUse:
    """What `tools`, `tool_choice` and `parallel_tool_calls` come to. Raises RequestError."""
    if given is None:
        for name, value in (("tool_choice", choice), ("parallel_tool_calls", parallel)):
            if value is not None:
                raise errors.needing(name, "tools")
        return ToolUse()
    return tools.use(tuple(given), choice, parallel, CHAT)


def legacy_use(given: Sequence[Tool] | None, choice: Any) -> ToolUse:
    """What `functions` and `function_call` come to: at most one call. Raises RequestError."""
    if given is None:
        if choice is not None:
            raise errors.needing("function_call", "functions")
        return ToolUse()
    return _chosen(tuple(given), choice)


def _chosen(defined: tuple[Tool, ...], choice: Any) -> ToolUse:
    match choice:
        case None | "auto":
            return ToolUse(defined, parallel_tool_calls=False)
        case "none":
            return ToolUse()
        case str():
            raise errors.not_among("function_call", choice, ("none", "auto"))
        case dict():
            name = read(Named, choice, "function_call").name
            return tools.only(defined, name, "function_call", "functions")
        case _:
            raise errors.wrong_type("function_call", "one of a string or object", choice)
