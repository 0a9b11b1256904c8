"""How calls begin that small models make in one way or another."""

_BEGINNINGS = tuple(
    before + '{"name":"' for before in ("", "{", "```json", "```", "<tool_call>", "<tool_call>{")
)
"""White space apart."""


class Beginning:
    """Watches the beginning of an answer: is it a call's?"""

    def __init__(self) -> None:
        self._seen = ""
        self.rest: str | None = None
        """Once it is a call: what came of the function's name."""

    def add(self, text: str) -> bool:
        """Whether it may still be a call, or is one."""
        self._seen += "".join(text.split())
        met = [begin for begin in _BEGINNINGS if self._seen.startswith(begin)]
        if met:
            self.rest = self._seen.removeprefix(met[0])
        return bool(met) or any(begin.startswith(self._seen) for begin in _BEGINNINGS)
