"""Ids and times of answers, which derive from the recordings they were made of."""

import hashlib
from collections.abc import Sequence
from typing import Any

_EPOCH = 1735689600
"""2025-01-01: `created` derives from the recording, so it is some moment of that year."""


def identity(prefix: str, keys: Sequence[str]) -> dict[str, Any]:
    """`id`, `created` and `system_fingerprint` of an answer. Equal recordings get equal ones."""
    digest = hashlib.sha256("".join(keys).encode()).hexdigest()
    return {
        "id": f"{prefix}-{digest[:29]}",
        "created": _EPOCH + int(digest[:6], 16),
        "system_fingerprint": f"fp_{digest[29:39]}",
    }
