"""Ids and times of answers, which derive from the recordings they were made of."""

import hashlib
from collections.abc import Sequence
from typing import Any

EPOCH = 1735689600
"""2025-01-01: times of answers derive from recordings, so they are some moment of that year."""


def identity(prefix: str, keys: Sequence[str], mark: str = "") -> dict[str, Any]:
    """`id`, `created` and `system_fingerprint` of an answer. Equal recordings get equal ones.

    But for the id where there is a `mark`, which tells apart answers of the same recordings.
    """
    recorded = "".join(keys)
    digest = hashlib.sha256(recorded.encode()).hexdigest()
    marked = hashlib.sha256(f"{recorded}{mark}".encode()).hexdigest()
    return {
        "id": f"{prefix}-{marked[:29]}",
        "created": moment(recorded),
        "system_fingerprint": f"fp_{digest[29:39]}",
    }


def moment(seed: str) -> int:
    """A time, in seconds since the epoch, that is the same for the same seed."""
    return EPOCH + int(hashlib.sha256(seed.encode()).hexdigest()[:6], 16)
