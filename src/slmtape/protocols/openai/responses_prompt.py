"""What a response is asked to answer: the state it goes on from, and a GenerationRequest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slmtape.errors import RequestError
from slmtape.generation import GenerationRequest, JsonFormat, Message
from slmtape.protocols import Incoming, Served
from slmtape.protocols.openai import tools
from slmtape.protocols.openai.memory import Memory
from slmtape.protocols.openai.responses_body import Counted, conversation_id
from slmtape.protocols.openai.responses_format import text_format
from slmtape.protocols.openai.responses_items import check_new, read_input
from slmtape.protocols.openai.responses_messages import check_calls, messages
from slmtape.protocols.openai.responses_state import Conversation, Item


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a body asks to be answered.

    `history` is what was said before, `new` what this body adds; `conversation` the id of the one
    it belongs to. `format` is the answer's form as it comes back.
    """

    request: GenerationRequest
    history: tuple[Item, ...]
    new: tuple[Item, ...]
    conversation: str | None
    format: Mapping[str, Any]


def prompt(body: Counted, incoming: Incoming) -> Prompt:
    """What the body asks. Raises RequestError, also for state that isn't there."""
    served = incoming.served
    new = read_input("" if body.input is None else body.input, served)
    functions = tools.functions(body.tools or (), tools.RESPONSES)
    use = tools.use(functions, body.tool_choice, body.parallel_tool_calls, tools.RESPONSES)
    response_format, echo = text_format(body.text)
    model = _model(body.model, served)
    conversation = conversation_id(body)
    history = _history(body.previous_response_id, conversation, incoming.memory)
    new = _turn(new, history, incoming.memory)
    said = messages(body.instructions, (*history, *new))
    _check_word(response_format, said)
    request = GenerationRequest(
        model=model,
        messages=said,
        response_format=response_format,
        reasoning_effort=body.reasoning.effort,
        **use.fields,
    )
    return Prompt(request, history, new, conversation, echo)


def conversation_of(memory: Memory, conversation_id: str) -> Conversation:
    """The conversation of this id. Raises RequestError."""
    found = memory.conversations.get(conversation_id)
    if found is None:
        raise RequestError(f"Conversation with id '{conversation_id}' not found.", status=404)
    return found


def resolved(item: Item, path: str, memory: Memory) -> Item:
    """The item itself, where only its id was given. Raises RequestError."""
    if item["type"] != "item_reference":
        return item
    found = memory.item(item["id"])
    if found is None:
        raise RequestError(
            f"Item with id '{item['id']}' not found. Items are not persisted when `store` is set "
            "to false. Try again with `store` set to true, or remove this item from your input.",
            param=f"{path}.id",
            status=404,
        )
    return found


def _model(asked: str, served: Served) -> str:
    model = served.find(asked)
    if model is None:
        raise RequestError(
            f"The requested model '{asked}' does not exist. "
            f"Served here: {', '.join(served.names)}.",
            param="model",
            code="model_not_found",
        )
    return model


def _history(previous: str | None, conversation: str | None, memory: Memory) -> tuple[Item, ...]:
    """What was said before."""
    if conversation is not None:
        return tuple(conversation_of(memory, conversation).items)
    if previous is None:
        return ()
    stored = memory.responses.get(previous)
    if stored is None:
        raise RequestError(
            f"Previous response with id '{previous}' not found.",
            param="previous_response_id",
            code="previous_response_not_found",
        )
    if stored.body["status"] == "in_progress":
        raise RequestError(
            f"Previous response with id '{previous}' is still in progress. "
            "Wait until it is completed.",
            param="previous_response_id",
        )
    return stored.context


def _turn(new: Sequence[Item], history: Sequence[Item], memory: Memory) -> tuple[Item, ...]:
    """What is new, references resolved, where it can follow on what was said before."""
    found = tuple(resolved(item, f"input[{index}]", memory) for index, item in enumerate(new))
    check_new(found, history, "input")
    if not history and not found:
        raise RequestError(
            "One of \"input\" or \"previous_response_id\" or 'prompt' or 'conversation' must be "
            "provided.",
            code="missing_required_parameter",
        )
    check_calls((*history, *found))
    return found


def _check_word(form: JsonFormat | None, said: Sequence[Message]) -> None:
    """Raises RequestError where a JSON object is wanted, and the model isn't told so."""
    if form != JsonFormat() or any("json" in message.content.lower() for message in said):
        return
    raise RequestError(
        "Response input messages must contain the word 'json' in some form to use 'text.format' "
        "of type 'json_object'.",
        param="input",
    )
