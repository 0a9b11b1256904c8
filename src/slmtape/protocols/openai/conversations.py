"""`/v1/conversations`: made, told, changed and deleted, and the items in them."""

from typing import Annotated, Any

from pydantic import Field

from slmtape.errors import RequestError
from slmtape.protocols import Incoming
from slmtape.protocols.openai import errors, metadata
from slmtape.protocols.openai.identity import moment
from slmtape.protocols.openai.metadata import Metadata
from slmtape.protocols.openai.pages import listing, page
from slmtape.protocols.openai.responses_answer import item_id
from slmtape.protocols.openai.responses_items import check_new, identified, read_items
from slmtape.protocols.openai.responses_prompt import conversation_of, resolved
from slmtape.protocols.openai.responses_state import Conversation, Item
from slmtape.protocols.openai.wire import Model, Strict, read


class Created(Strict):
    """A new conversation."""

    items: Annotated[list[Any], Field(max_length=20)] | None = None
    metadata: Metadata | None = None


class Updated(Strict):
    """A conversation's metadata, in place of what it had."""

    metadata: Metadata | None


class Added(Strict):
    """Items to be added."""

    items: Annotated[list[Any], Field(min_length=1, max_length=20)]


def create(incoming: Incoming) -> dict[str, Any]:
    """Begin a conversation, which may have items already. Raises RequestError."""
    given = _read(Created, incoming) if incoming.body else Created()
    labels = given.metadata or {}
    metadata.check(labels)
    items = read_items(given.items or (), "items", incoming.served)
    name = item_id("conv", f"conversation:{next(incoming.memory.numbers)}")
    made = Conversation(name, moment(name), labels)
    _add(made, items, incoming)
    incoming.memory.conversations[name] = made
    return _told(made)


def one(incoming: Incoming) -> dict[str, Any]:
    """A conversation. Raises RequestError."""
    return _told(_conversation(incoming))


def update(incoming: Incoming) -> dict[str, Any]:
    """Give a conversation other metadata. Raises RequestError."""
    conversation = _conversation(incoming)
    labels = _read(Updated, incoming).metadata or {}
    metadata.check(labels)
    conversation.metadata = labels
    return _told(conversation)


def delete(incoming: Incoming) -> dict[str, Any]:
    """Forget a conversation. Raises RequestError."""
    conversation = _conversation(incoming)
    del incoming.memory.conversations[conversation.id]
    return {"id": conversation.id, "object": "conversation.deleted", "deleted": True}


def add_items(incoming: Incoming) -> dict[str, Any]:
    """Add up to 20 items; told as they were added. Raises RequestError."""
    conversation = _conversation(incoming)
    given = _read(Added, incoming).items
    added = _add(conversation, read_items(given, "items", incoming.served), incoming)
    return listing(added)


def list_items(incoming: Incoming) -> dict[str, Any]:
    """A page of a conversation's items. Raises RequestError."""
    return page(_conversation(incoming).items, incoming.query)


def one_item(incoming: Incoming) -> Item:
    """An item of a conversation. Raises RequestError."""
    conversation, name = _conversation(incoming), incoming.path["item_id"]
    for item in conversation.items:
        if item["id"] == name:
            return item
    raise RequestError(
        f"Item with id '{name}' not found in conversation '{conversation.id}'.", status=404
    )


def delete_item(incoming: Incoming) -> dict[str, Any]:
    """Take an item out of a conversation, which is told. Raises RequestError."""
    conversation = _conversation(incoming)
    conversation.items.remove(one_item(incoming))
    return _told(conversation)


def _conversation(incoming: Incoming) -> Conversation:
    return conversation_of(incoming.memory, incoming.path["conversation_id"])


def _add(
    conversation: Conversation, items: tuple[Item, ...], incoming: Incoming
) -> tuple[Item, ...]:
    """Add the items; as they were added."""
    found = tuple(
        resolved(item, f"items[{index}]", incoming.memory) for index, item in enumerate(items)
    )
    check_new(found, conversation.items, "items")
    added = identified(found, f"{conversation.id}:{conversation.additions}")
    conversation.add(added)
    return added


def _told(conversation: Conversation) -> dict[str, Any]:
    return {
        "id": conversation.id,
        "object": "conversation",
        "created_at": conversation.created_at,
        "metadata": conversation.metadata,
    }


def _read(model: type[Model], incoming: Incoming) -> Model:
    return read(model, errors.read_object(incoming.body, incoming.content_type), "")
