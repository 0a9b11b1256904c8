"""Answers of `/embeddings`."""

import base64
import struct
from collections.abc import Mapping, Sequence
from typing import Any

from slmtape.generation import EmbeddingResult
from slmtape.importing.answers import Answer, Unreadable
from slmtape.importing.answers.said import Usage, shared
from slmtape.protocols import ParsedCall


def read(call: ParsedCall, told: Sequence[Mapping[str, Any]]) -> Answer:
    """A vector for each text. Raises Unreadable."""
    [body] = told
    data = sorted(body["data"], key=lambda one: one.get("index") or 0)
    if len(data) != len(call.requests):
        raise Unreadable(f"It has {len(data)} vectors for {len(call.requests)} texts.")
    usage = body.get("usage") or {}
    counts = shared(Usage(usage.get("prompt_tokens") or 0, 0), len(data))
    vectors = [vector(one["embedding"]) for one in data]
    results = [
        EmbeddingResult(vector=numbers, prompt_tokens=count.prompt)
        for numbers, count in zip(vectors, counts, strict=True)
    ]
    return Answer(results=results, model=str(body.get("model") or ""))


def vector(told: str | Sequence[float]) -> tuple[float, ...]:
    """A vector: numbers, or their 32-bit floats in base64. Raises Unreadable where it is empty."""
    raw = base64.b64decode(told) if isinstance(told, str) else _packed(told)
    if not raw:
        raise Unreadable("A vector is empty.")
    return struct.unpack(f"<{len(raw) // 4}f", raw)


def _packed(numbers: Sequence[float]) -> bytes:
    return struct.pack(f"<{len(numbers)}f", *numbers)
