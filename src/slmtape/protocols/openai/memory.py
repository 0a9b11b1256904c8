"""What one server remembers between calls. Nothing of it touches the disk."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from slmtape.protocols.openai.chat_stored import StoredCompletions

Item = dict[str, Any]
"""An item of a conversation, as JSON has it."""


@dataclass(slots=True)
class StoredResponse:
    """A response as it is now, and the items it answers, those of earlier turns included.

    `cancel` ends its making in the background.
    """

    body: dict[str, Any]
    items: tuple[Item, ...]
    cancel: Callable[[], object] | None = None

    @property
    def context(self) -> tuple[Item, ...]:
        """What a next turn goes on after."""
        return (*self.items, *self.body["output"])


@dataclass(slots=True)
class Conversation:
    """A conversation; `items` by their ids, oldest first. `additions` counts how often some came.

    `created_at` is in seconds since the epoch.
    """

    id: str
    created_at: int
    metadata: dict[str, str]
    items: dict[str, Item] = field(default_factory=dict)
    additions: int = 0

    def add(self, items: tuple[Item, ...]) -> None:
        """Have these items at the end."""
        self.items |= {item["id"]: item for item in items}
        self.additions += 1


@dataclass(slots=True)
class Memory:
    """Stored answers and conversations, by id. `numbers` are those of conversations."""

    completions: StoredCompletions = field(default_factory=dict)
    responses: dict[str, StoredResponse] = field(default_factory=dict)
    conversations: dict[str, Conversation] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=count)

    def item(self, item_id: str) -> Item | None:
        """The item of this id, in whatever response or conversation it is."""
        for stored in self.responses.values():
            for item in stored.context:
                if item["id"] == item_id:
                    return item
        found = (conversation.items.get(item_id) for conversation in self.conversations.values())
        return next((item for item in found if item is not None), None)
