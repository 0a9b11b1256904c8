"""The items of a conversation as the messages that a model goes on after."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from slmtape.errors import RequestError
from slmtape.generation import Message, ToolCall
from slmtape.protocols.openai.responses_parts import text_of
from slmtape.protocols.openai.responses_state import Item


def messages(instructions: str | None, items: Iterable[Item]) -> tuple[Message, ...]:
    """The messages; an assistant's words and the calls that follow them are one."""
    said = [] if instructions is None else [Message("system", instructions)]
    for item in items:
        match item["type"]:
            case "message":
                said.append(Message(item["role"], text_of(item["content"])))
            case "function_call":
                before = said.pop() if said and said[-1].role == "assistant" else None
                said.append(_calling(before or Message("assistant", ""), item))
            case "function_call_output":
                output = text_of(item["output"])
                said.append(Message("tool", output, tool_call_id=item["call_id"]))
    return tuple(said)


def check_calls(items: Sequence[Item]) -> None:
    """Raises RequestError unless each call has one answer, and each answer a call before it."""
    called: set[str] = set()
    waiting: dict[str, None] = {}
    for item in items:
        if item["type"] not in ("function_call", "function_call_output"):
            continue
        call_id = item["call_id"]
        if item["type"] == "function_call":
            if call_id in waiting:
                raise _mistake(f"Duplicate function call with call_id {call_id}.")
            called.add(call_id)
            waiting[call_id] = None
        elif call_id not in called:
            raise _mistake(f"No tool call found for function call output with call_id {call_id}.")
        elif call_id not in waiting:
            raise _mistake(f"Duplicate function call output with call_id {call_id}.")
        else:
            del waiting[call_id]
    for call_id in waiting:
        raise _mistake(f"No tool output found for function call {call_id}.")


def _mistake(message: str) -> RequestError:
    return RequestError(message, param="input")


def _calling(message: Message, item: Item) -> Message:
    call = ToolCall(item["name"], item["arguments"], item["call_id"])
    return replace(message, tool_calls=(*message.tool_calls, call))
