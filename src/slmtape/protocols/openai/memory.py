"""What one server remembers between calls. Nothing of it touches the disk."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from slmtape.protocols.openai.chat_stored import StoredCompletions, TimesAsked
from slmtape.protocols.openai.responses_state import Conversation, Item, StoredResponse


@dataclass(slots=True)
class Memory:
    """Stored answers and conversations, by id. `numbers` are those of conversations.

    `asked` counts the completions that were to be stored, `equals` the responses that were
    remembered, by what is equal in equal ones.
    """

    completions: StoredCompletions = field(default_factory=dict)
    asked: TimesAsked = field(default_factory=Counter)
    responses: dict[str, StoredResponse] = field(default_factory=dict)
    conversations: dict[str, Conversation] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=count)
    equals: Counter[str] = field(default_factory=Counter)

    def item(self, item_id: str) -> Item | None:
        """The item of this id, in whatever response or conversation it is."""
        kept = [stored.context for stored in self.responses.values()]
        kept += [tuple(conversation.items) for conversation in self.conversations.values()]
        items = (item for items in kept for item in items)
        return next((item for item in items if item["id"] == item_id), None)
