"""A request as canonical JSON, and the key that is its hash."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import MISSING, fields
from functools import lru_cache
from typing import Any

import rfc8785

from slmtape.generation import (
    EmbeddingRequest,
    GenerationRequest,
    JsonFormat,
    Message,
    Request,
    Tool,
    ToolCall,
)

KEY_LENGTH = 16
_EXACT = 2**53 - 1


def canonical(request: Request) -> dict[str, Any]:
    """The request as plain JSON values, fields at their default left away.

    A field added later therefore changes no key of a request that doesn't use it.
    """
    return _plain(request, json.loads)


def restore(written: dict[str, Any]) -> Request:
    """The request that `canonical` wrote. Raises TypeError or ValueError for anything else."""
    kind = EmbeddingRequest if "input" in written else GenerationRequest
    request = kind(**{name: _READ.get(name, _same)(value) for name, value in written.items()})
    if canonical(request) != written:
        raise ValueError("the request is not in its canonical form")
    return request


@lru_cache(maxsize=256)
def key(request: Request) -> str:
    """What the request is recorded under: 16 hex digits of the SHA-256 of its RFC 8785 form.

    JSON schemas are hashed as text, because answers have their properties in the schema's order.
    """
    return hashlib.sha256(rfc8785.dumps(_plain(request, _same))).hexdigest()[:KEY_LENGTH]


def json_text(value: Any) -> str:
    """A JSON value as requests hold it: a schema, a parameter of another server."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _same(value: Any) -> Any:
    return value


def _plain(value: Any, json_value: Callable[[str], Any]) -> dict[str, Any]:
    """A dataclass as plain JSON values; `json_value` writes what it holds as JSON text."""
    written: dict[str, Any] = {}
    for field in fields(value):
        content = getattr(value, field.name)
        if field.default is MISSING or content != field.default:
            written[field.name] = _written(field.name, content, json_value)
    return written


def _written(name: str, value: Any, json_value: Callable[[str], Any]) -> Any:
    match name:
        case "messages" | "tools" | "tool_calls":
            return [_plain(item, json_value) for item in value]
        case "response_format":
            return _plain(value, json_value)
        case "parameters" | "schema":
            return json_value(value)
        case "logit_bias":
            return {str(token): bias for token, bias in value}
        case "extras":
            return {name: json_value(text) for name, text in value}
        case "seed":
            # RFC 8785 numbers are doubles; a seed is 64 bits.
            return value if abs(value) <= _EXACT else str(value)
        case _:
            return list(value) if isinstance(value, tuple) else value


def _read_message(written: dict[str, Any]) -> Message:
    calls = tuple(ToolCall(**call) for call in written.get("tool_calls", ()))
    return Message(**{**written, "tool_calls": calls})


def _read_tool(written: dict[str, Any]) -> Tool:
    return Tool(**_with_text(written, "parameters"))


def _with_text(written: dict[str, Any], name: str) -> dict[str, Any]:
    return {**written, name: json_text(written[name])} if name in written else written


def _tokens(written: Any) -> Any:
    return tuple(written) if isinstance(written, list) else written


_READ: dict[str, Callable[[Any], Any]] = {
    "messages": lambda messages: tuple(_read_message(message) for message in messages),
    "tools": lambda tools: tuple(_read_tool(tool) for tool in tools),
    "response_format": lambda written: JsonFormat(**_with_text(written, "schema")),
    "logit_bias": lambda biases: tuple((int(token), bias) for token, bias in biases.items()),
    "stop": tuple,
    "allowed_tools": tuple,
    "extras": lambda extras: tuple((name, json_text(v)) for name, v in extras.items()),
    "prompt": _tokens,
    "input": _tokens,
    "seed": int,
}
