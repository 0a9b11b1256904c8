"""Llama 3.1's and 3.2's format: a turn is one call and nothing else, a bare JSON object."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from slmtape.engines.llamacpp.tools.format import Format, Syntax, told
from slmtape.generation import Message, Tool

LLAMA = Syntax(
    trigger=None, opens='{"name": "', middle='", "parameters": ', closes="}", between=None
)


def _tell(messages: Sequence[Message], tools: Sequence[Tool]) -> tuple[Message, ...]:
    """Calls one by one, each before its result; words said with them before.

    Functions are told within the first message after the system's, whoever's that is: so there is
    one of the user's.
    """
    plain = tuple(_one_by_one(messages))
    first = 1 if plain and plain[0].role == "system" else 0
    if not tools or (len(plain) > first and plain[first].role == "user"):
        return plain
    return (*plain[:first], Message("user", ""), *plain[first:])


def _one_by_one(messages: Sequence[Message]) -> Iterator[Message]:
    told_before: set[int] = set()
    for at, message in enumerate(messages):
        if at in told_before:
            continue
        if not message.tool_calls:
            yield message
            continue
        if message.content:
            yield replace(message, tool_calls=())
        for call in message.tool_calls:
            yield replace(message, content="", tool_calls=(call,))
            for result in _results(messages, at, call.id):
                told_before.add(result)
                yield messages[result]


def _results(messages: Sequence[Message], at: int, call: str) -> Iterator[int]:
    """Where the results of a call are, among those that follow its message directly."""
    for index in range(at + 1, len(messages)):
        if messages[index].role != "tool":
            return
        if messages[index].tool_call_id == call:
            yield index


FORMAT = Format(
    taught=lambda template: (
        "tools" in template and '"parameters": dictionary of argument name' in template
    ),
    syntax=LLAMA,
    tell=_tell,
    variables=lambda tools: {"tools": told(tools)},
)
