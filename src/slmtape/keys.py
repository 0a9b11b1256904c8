"""A request as canonical JSON, and the key that is its hash."""

import hashlib
from collections.abc import Callable
from dataclasses import MISSING, fields
from functools import lru_cache
from typing import Any

import rfc8785

from slmtape.generation import GenerationRequest, Message

KEY_LENGTH = 16
_EXACT = 2**53 - 1


def canonical(request: GenerationRequest) -> dict[str, Any]:
    """The request as plain JSON values, fields at their default left away.

    A field added later therefore changes no key of a request that doesn't use it.
    """
    written: dict[str, Any] = {}
    for field in fields(request):
        value = getattr(request, field.name)
        if field.default is MISSING or value != field.default:
            written[field.name] = _WRITE.get(field.name, _same)(value)
    return written


def restore(written: dict[str, Any]) -> GenerationRequest:
    """The request that `canonical` wrote. Raises TypeError or ValueError for anything else."""
    request = GenerationRequest(
        **{name: _READ.get(name, _same)(value) for name, value in written.items()}
    )
    if canonical(request) != written:
        raise ValueError("the request is not in its canonical form")
    return request


@lru_cache(maxsize=256)
def key(request: GenerationRequest) -> str:
    """What the request is recorded under: 16 hex digits of the SHA-256 of its RFC 8785 form."""
    return hashlib.sha256(rfc8785.dumps(canonical(request))).hexdigest()[:KEY_LENGTH]


def _same(value: Any) -> Any:
    return value


def _write_messages(messages: tuple[Message, ...]) -> list[dict[str, str]]:
    return [
        {"role": message.role, "content": message.content}
        | ({} if message.name is None else {"name": message.name})
        for message in messages
    ]


def _write_seed(seed: int) -> int | str:
    # RFC 8785 numbers are doubles; a seed is 64 bits.
    return seed if abs(seed) <= _EXACT else str(seed)


_WRITE: dict[str, Callable[[Any], Any]] = {
    "messages": _write_messages,
    "logit_bias": lambda biases: {str(token): bias for token, bias in biases},
    "stop": list,
    "seed": _write_seed,
}
_READ: dict[str, Callable[[Any], Any]] = {
    "messages": lambda messages: tuple(Message(**message) for message in messages),
    "logit_bias": lambda biases: tuple((int(token), bias) for token, bias in biases.items()),
    "stop": tuple,
    "seed": int,
}
