"""What one server remembers between calls. Nothing of it touches the disk."""


class Memory:
    """Stored answers, by id."""
