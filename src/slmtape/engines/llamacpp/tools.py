"""How models are told of functions, and how they write their calls of them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
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


HERMES = Syntax(
    trigger="<tool_call>",
    opens='<tool_call>\n{"name": "',
    middle='", "arguments": ',
    closes="}\n</tool_call>",
    between="\n",
)
"""Qwen's, SmolLM3's and many others'."""

LLAMA = Syntax(
    trigger=None, opens='{"name": "', middle='", "parameters": ', closes="}", between=None
)
"""Llama 3.1's and 3.2's."""


_NO_ARGUMENTS = '{"type":"object","properties":{}}'


_BEGINNINGS = tuple(
    before + '{"name":"' for before in ("", "{", "```json", "```", "<tool_call>", "<tool_call>{")
)
"""How calls begin that small models make in one way or another, white space apart."""


class Beginning:
    """Watches the beginning of an answer: is it a call's?"""

    def __init__(self) -> None:
        self._seen = ""
        self.rest: str | None = None
        """Once it is a call: what came of the function's name."""

    def add(self, text: str) -> bool:
        """Whether it may still be a call, or is one."""
        self._seen += "".join(text.split())
        met = [begin for begin in _BEGINNINGS if self._seen.startswith(begin)]
        if met:
            self.rest = self._seen.removeprefix(met[0])
        return bool(met) or any(begin.startswith(self._seen) for begin in _BEGINNINGS)


def syntax(template: str) -> Syntax | None:
    """The syntax that a chat template teaches its model; None: none that is known here."""
    if "tools" not in template:
        return None
    if "<tool_call>" in template:
        return HERMES
    return LLAMA if '"parameters": dictionary of argument name' in template else None


def told(tools: Sequence[Tool]) -> list[dict[str, Any]]:
    """Functions as chat templates want them: as OpenAI's `tools`."""
    return [{"type": "function", "function": _function(tool)} for tool in tools]


def called(call: ToolCall) -> dict[str, Any]:
    """A call of an earlier turn as chat templates want it."""
    try:
        arguments = json.loads(call.arguments)
    except (ValueError, RecursionError):
        arguments = call.arguments
    function = {"name": call.name, "arguments": arguments}
    return {"id": call.id, "type": "function", "function": function}


def in_words(messages: Sequence[Message]) -> tuple[Message, ...]:
    """The conversation for a model whose template knows no tools: calls and results as text."""
    names = {call.id: call.name for message in messages for call in message.tool_calls}
    return tuple(_in_words(message, names) for message in messages)


def asking_for_arguments(messages: Sequence[Message], tool: Tool) -> tuple[Message, ...]:
    """The conversation, and at its end the question what to call a function with."""
    about = f" ({tool.description})" if tool.description else ""
    question = f"Write the arguments for the function {tool.name}{about} as JSON."
    return asking_besides(in_words(messages), question)


def asking_besides(messages: Sequence[Message], question: str) -> tuple[Message, ...]:
    """The conversation, and a further wish where the user spoke last."""
    if not messages or messages[-1].role != "user":
        return (*messages, Message("user", question))
    *before, last = messages
    return (*before, replace(last, content=f"{last.content}\n\n{question}"))


def _function(tool: Tool) -> dict[str, Any]:
    about = {} if tool.description is None else {"description": tool.description}
    parameters = json.loads(tool.parameters or _NO_ARGUMENTS)
    return {"name": tool.name, **about, "parameters": parameters}


def _in_words(message: Message, names: dict[str, str]) -> Message:
    if message.role == "tool":
        name = names.get(message.tool_call_id or "", message.name or "function")
        return Message("user", f"The function {name} returned: {message.content}")
    if message.tool_calls:
        calls = [f"I call {call.name} with {call.arguments}." for call in message.tool_calls]
        text = "\n".join(filter(None, [message.content, *calls]))
        return Message("assistant", text, message.name)
    return message
