"""What a server remembers of responses and conversations."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

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
    """A conversation; its `items`, oldest first. `additions` counts how often some came.

    `created_at` is in seconds since the epoch.
    """

    id: str
    created_at: int
    metadata: dict[str, str]
    items: list[Item] = field(default_factory=list)
    additions: int = 0

    def add(self, items: Iterable[Item]) -> None:
        """Have these items at the end, but those that came in the meantime."""
        there = {item["id"] for item in self.items}
        self.items.extend(item for item in items if item["id"] not in there)
        self.additions += 1
