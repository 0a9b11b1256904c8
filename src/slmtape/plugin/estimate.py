"""How long a model would have taken."""

from slmtape.generation import EmbeddingResult, Result

_READ = 160.0
_SAID = 60.0
"""Tokens per second of a prompt, and of an answer: the embedded model on two cores."""

_SIZE = 98e6
_SLOWER = 0.57
"""Its size in bytes, and the power of a model's size by which it takes longer: from
Qwen2.5-Coder-1.5B, which is 11 times as big and 4 times as slow."""


def seconds(result: Result, size: float | None) -> float:
    """About how long it takes to generate this with a model of so many bytes; None: unknown."""
    read = result.prompt_tokens / _READ
    said = 0 if isinstance(result, EmbeddingResult) else result.completion_tokens / _SAID
    return float((read + said) * ((size or _SIZE) / _SIZE) ** _SLOWER)
