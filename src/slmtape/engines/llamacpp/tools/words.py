"""Functions in words, for models whose templates teach no calls that are known here."""

from collections.abc import Sequence
from dataclasses import replace

from slmtape.engines.llamacpp.tools.format import Format
from slmtape.generation import Message, Tool


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


def _in_words(message: Message, names: dict[str, str]) -> Message:
    if message.role == "tool":
        name = names.get(message.tool_call_id or "", message.name or "function")
        return Message("user", f"The function {name} returned: {message.content}")
    if message.tool_calls:
        calls = [f"I call {call.name} with {call.arguments}." for call in message.tool_calls]
        text = "\n".join(filter(None, [message.content, *calls]))
        return Message("assistant", text, message.name)
    return message


FORMAT = Format(
    taught=lambda _: True,
    syntax=None,
    tell=lambda messages, _: in_words(messages),
    variables=lambda _: {},
)
