"""JSON schemas as a small model needs them."""

import json
from typing import Any


def for_generation(schema: str | None) -> dict[str, Any]:
    """The schema."""
    prepared: dict[str, Any] = json.loads(schema or '{"type":"object"}')
    return prepared
