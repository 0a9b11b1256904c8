"""Ids and times of answers, which derive from the recordings they were made of."""

import hashlib
from collections.abc import Sequence
from typing import Any

EPOCH = 1735689600
"""2025-01-01: times of answers derive from recordings, so they are some moment of that year."""


def identity(prefix: str, keys: Sequence[str]) -> dict[str, Any]:
    """`id`, `created` and `system_fingerprint` of an answer. Equal recordings get equal ones."""
    digest = hashlib.sha256("".join(keys).encode()).hexdigest()
    return {
        "id": f"{prefix}-{digest[:29]}",
        "created": EPOCH + int(digest[:6], 16),
        "system_fingerprint": f"fp_{digest[29:39]}",
    }
