"""Conversations in the roles, and the order of them, that a chat template takes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from slmtape.generation import Message


@dataclass(frozen=True, slots=True)
class Roles:
    """What a chat template takes.

    `system`: a system message at the beginning; `later_system`: others after it; `any_order`: not
    only the user and the assistant in turn, the user first.
    """

    system: bool
    later_system: bool
    any_order: bool


def in_roles(messages: Sequence[Message], roles: Roles) -> tuple[Message, ...]:
    """The same conversation, every word of it, for a template that takes these roles."""
    count = next((i for i, one in enumerate(messages) if one.role != "system"), len(messages))
    leading, rest = tuple(messages[:count]), tuple(messages[count:])
    if not roles.later_system:
        leading, rest = _joined(leading), tuple(_as_users(one) for one in rest)
    if not roles.system:
        users = (*(_as_users(one) for one in leading), *rest[:1])
        leading, rest = (), _joined(users) + rest[1:]
    return leading + (rest if roles.any_order else _in_turn(rest))


def _in_turn(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    if not messages or messages[0].role != "user":
        messages = (Message("user", ""), *messages)
    return _joined(messages)


def _joined(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """Neighbours of one role as one message, a blank line between them."""
    joined: list[Message] = []
    for message in messages:
        if joined and _plain(message) and _plain(joined[-1]) and message.role == joined[-1].role:
            before = joined.pop()
            parts = filter(None, [before.content, message.content])
            message = replace(before, content="\n\n".join(parts))
        joined.append(message)
    return tuple(joined)


def _plain(message: Message) -> bool:
    return message.role != "tool" and not message.tool_calls


def _as_users(message: Message) -> Message:
    return replace(message, role="user") if message.role == "system" else message
