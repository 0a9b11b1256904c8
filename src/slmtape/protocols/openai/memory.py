"""What one server remembers between calls. Nothing of it touches the disk."""

from dataclasses import dataclass, field

from slmtape.protocols.openai.chat_stored import StoredCompletions


@dataclass(slots=True)
class Memory:
    """Stored answers, by id."""

    completions: StoredCompletions = field(default_factory=dict)
