"""The items that a conversation is made of: what clients may send, and how they come back."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from slmtape.errors import RequestError
from slmtape.protocols import Served
from slmtape.protocols.openai import errors
from slmtape.protocols.openai.responses_answer import item_id
from slmtape.protocols.openai.responses_parts import INPUT_PARTS, OUTPUT_PARTS, read_parts
from slmtape.protocols.openai.responses_state import Item
from slmtape.protocols.openai.wire import Strict, Treatment, read

ITEMS = {
    "message": Treatment.USED,
    "function_call": Treatment.USED,
    "function_call_output": Treatment.USED,
    "reasoning": Treatment.ACCEPTED,
    "item_reference": Treatment.USED,
    "file_search_call": Treatment.REFUSED,
    "computer_call": Treatment.REFUSED,
    "computer_call_output": Treatment.REFUSED,
    "web_search_call": Treatment.REFUSED,
    "tool_search_call": Treatment.REFUSED,
    "tool_search_output": Treatment.REFUSED,
    "additional_tools": Treatment.REFUSED,
    "configuration_update": Treatment.REFUSED,
    "compaction": Treatment.REFUSED,
    "compaction_trigger": Treatment.REFUSED,
    "image_generation_call": Treatment.REFUSED,
    "code_interpreter_call": Treatment.REFUSED,
    "local_shell_call": Treatment.REFUSED,
    "local_shell_call_output": Treatment.REFUSED,
    "shell_call": Treatment.REFUSED,
    "shell_call_output": Treatment.REFUSED,
    "apply_patch_call": Treatment.REFUSED,
    "apply_patch_call_output": Treatment.REFUSED,
    "mcp_list_tools": Treatment.REFUSED,
    "mcp_approval_request": Treatment.REFUSED,
    "mcp_approval_response": Treatment.REFUSED,
    "mcp_call": Treatment.REFUSED,
    "custom_tool_call": Treatment.REFUSED,
    "custom_tool_call_output": Treatment.REFUSED,
    "program": Treatment.REFUSED,
    "program_output": Treatment.REFUSED,
}
"""Every type of item of OpenAI's. What was thought in earlier turns is not told to the model."""

_ROLES = ("assistant", "system", "developer", "user")

CallId = Annotated[str, Field(min_length=1, max_length=64)]


class _Item(Strict):
    type: str
    id: str | None = None
    status: Literal["in_progress", "completed", "incomplete"] | None = None


class WireMessage(_Item):
    """A message; its content is read by role."""

    role: Literal["assistant", "system", "developer", "user"]
    content: Any
    phase: Literal["commentary", "final_answer"] | None = None


class FunctionCall(_Item):
    """A model's call of a function, also as the client library's `model_dump` writes it."""

    model_config = ConfigDict(populate_by_name=True)

    call_id: CallId
    name: str
    arguments: str
    async_: bool | None = Field(None, alias="async")
    caller: dict[str, Any] | None = None
    namespace: str | None = None
    created_by: str | None = None
    parsed_arguments: Any = Field(None, exclude=True)


class FunctionCallOutput(_Item):
    """What a function answered."""

    call_id: CallId
    output: Any
    caller: dict[str, Any] | None = None
    name: str | None = None
    namespace: str | None = None
    created_by: str | None = None


class Said(Strict):
    """A text in a reasoning item."""

    type: Literal["reasoning_text", "summary_text"]
    text: str


class Reasoning(_Item):
    """What a model thought."""

    summary: list[Said]
    content: list[Said] | None = None
    encrypted_content: str | None = None


class ItemReference(_Item):
    """An item that the server remembers, by its id."""

    id: str


MODELS: dict[str, type[_Item]] = {
    "message": WireMessage,
    "function_call": FunctionCall,
    "function_call_output": FunctionCallOutput,
    "reasoning": Reasoning,
    "item_reference": ItemReference,
}
_PREFIXES = {
    "message": "msg",
    "function_call": "fc",
    "function_call_output": "fco",
    "reasoning": "rs",
}


def read_input(given: Any, served: Served) -> tuple[Item, ...]:
    """The items of an `input`; a string that isn't empty is a user's message. RequestError."""
    if isinstance(given, str):
        given = [{"role": "user", "content": given}] if given else []
    if not isinstance(given, list):
        raise errors.wrong_type("input", "one of a string or array of objects", given)
    return read_items(given, "input", served)


def read_items(given: Sequence[Any], param: str, served: Served) -> tuple[Item, ...]:
    """The items as they come back, but for the ids of new ones. Raises RequestError."""
    return tuple(_item(item, f"{param}[{index}]", served) for index, item in enumerate(given))


def identified(items: Sequence[Item], seed: str) -> tuple[Item, ...]:
    """The items with an id each; `seed` tells these from all others."""
    return tuple(
        {"id": item_id(_PREFIXES[item["type"]], f"{seed}:{index}"), **item}
        for index, item in enumerate(items)
    )


def check_new(items: Sequence[Item], known: Sequence[Item], param: str) -> None:
    """Raises RequestError where one of the items is there twice, or among the known ones."""
    ids = {item["id"] for item in known}
    for item in items:
        name = item.get("id")
        if name in ids:
            raise RequestError(
                f"Duplicate item found with id {name}. "
                "Remove duplicate items from your input and try again.",
                param=param,
            )
        if name is not None:
            ids.add(name)


def _item(given: Any, path: str, served: Served) -> Item:
    if not isinstance(given, dict):
        raise errors.wrong_type(path, "an object", given)
    kind = _kind(given, path)
    if kind == "message" and given.get("role") is not None and given["role"] not in _ROLES:
        raise errors.not_among(path, given["role"], _ROLES)
    model = read(MODELS[kind], {**given, "type": kind}, path)
    item = model.model_dump(exclude_none=True, by_alias=True)
    if isinstance(model, WireMessage):
        item["content"] = _content(model, f"{path}.content", served)
    if isinstance(model, FunctionCallOutput) and not isinstance(model.output, str):
        item["output"] = read_parts(model.output, INPUT_PARTS, f"{path}.output", served)
    return item if kind in ("reasoning", "item_reference") else {"status": "completed", **item}


def _kind(given: dict[str, Any], path: str) -> str:
    """The item's type, which messages and references need not say."""
    kind = given.get("type")
    if kind is None:
        return "message" if "role" in given or "id" not in given else "item_reference"
    if not isinstance(kind, str) or kind not in ITEMS:
        raise errors.not_among(path, kind, list(ITEMS))
    if ITEMS[kind] is Treatment.REFUSED:
        raise errors.unsupported(f"{path}.type", f"an item of the type '{kind}'")
    return kind


def _content(message: WireMessage, path: str, served: Served) -> list[Item]:
    allowed = OUTPUT_PARTS if message.role == "assistant" else INPUT_PARTS
    given = message.content
    if isinstance(given, str):
        given = [{"type": next(iter(allowed)), "text": given}]
    return read_parts(given, allowed, path, served)
