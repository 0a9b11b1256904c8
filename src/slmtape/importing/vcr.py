"""Cassettes of vcrpy, which pytest-recording writes as well, and of cassetter."""

import base64
import json
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from slmtape.importing import Exchange, Left, NotThisFormat

_PACKED = {"gzip": 31, "x-gzip": 31, "deflate": 15}
"""How zlib calls what an encoding packs."""


def is_cassette(document: Any) -> bool:
    """Whether this looks like what these tools write."""
    return isinstance(document, dict) and isinstance(document.get("interactions"), list)


def writer(document: Any) -> str:
    """The tool that wrote a cassette: only cassetter says when it recorded something."""
    return "cassetter" if any(map(_when, document["interactions"])) else "vcrpy"


def exchanges(document: Any) -> Iterator[Exchange | Left]:
    """What is recorded, oldest first as far as the cassette says. Raises NotThisFormat."""
    if not is_cassette(document):
        raise NotThisFormat("It has no list of `interactions`: it is no cassette.")
    numbered = list(enumerate(document["interactions"], 1))
    numbered.sort(key=lambda one: _when(one[1]))
    for number, interaction in numbered:
        place = f"interaction {number}"
        try:
            yield _exchange(interaction, place)
            yield from _sorted(interaction["request"], place)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            yield Left(place, "an exchange", f"It can't be read: {_told(error)}.")


def _when(interaction: Any) -> str:
    """Cassetter doesn't write in the order in which it recorded."""
    found = interaction.get("recorded_at") if isinstance(interaction, dict) else None
    return str(found or "")


def _exchange(interaction: Mapping[str, Any], place: str) -> Exchange:
    request, response = interaction["request"], interaction["response"]
    headers = _headers(response.get("headers"))
    status = response.get("status", response.get("status_code"))
    return Exchange(
        place=place,
        method=str(request.get("method", "GET")).upper(),
        url=str(request.get("uri", request.get("url"))),
        request=_unpacked(_body(request), _headers(request.get("headers"))),
        status=int(status["code"] if isinstance(status, dict) else status),
        response=_unpacked(_body(response), headers),
        content_type=headers.get("content-type", ""),
        retry_after=headers.get("retry-after", ""),
    )


def _sorted(request: Mapping[str, Any], place: str) -> Iterator[Left]:
    """A warning where schemas are written in another order than they were sent in.

    `parsed_body` is what a serializer writes that Pydantic AI made and others copied.
    """
    body = request.get("parsed_body")
    if isinstance(body, dict) and not body.keys().isdisjoint(("tools", "response_format", "text")):
        yield Left(
            place,
            "the order of properties in schemas",
            "This cassette has them sorted. A client that sends them in another order asks for "
            "something else: then record anew.",
            partly=True,
        )


def _headers(given: Any) -> dict[str, str]:
    """The last value of each, by its name in small letters."""
    return {
        str(name).lower(): str(value[-1] if isinstance(value, list) and value else value)
        for name, value in (given or {}).items()
    }


def _body(part: Mapping[str, Any]) -> bytes:
    if "parsed_body" in part:
        return _bytes({"type": "json", "content": part["parsed_body"]})
    if "body_type" in part:  # cassetter's TOML, where JSON is a text
        kind = "text" if part["body_type"] == "json" else part["body_type"]
        return _bytes({"type": kind, "content": part.get("body_content")})
    return _bytes(part.get("body", part.get("content")))


def _bytes(body: Any) -> bytes:
    """A body, in any of the ways in which it is written down."""
    match body:
        case None:
            return b""
        case bytes():
            return body
        case str():
            return body.encode()
        case {"string": inner} | {"content": str(inner), "type": "text"}:
            return _bytes(inner)
        case {"base64_string": str(inner)} | {"content": str(inner), "type": "binary"}:
            return base64.b64decode(inner)
        case {"type": "none"}:
            return b""
        case {"type": "json", "content": inner}:
            return json.dumps(inner, ensure_ascii=False).encode()
    raise ValueError("its body is written in an unknown way")


def _unpacked(body: bytes, headers: Mapping[str, str]) -> bytes:
    """The body without the compression that its headers tell of, if it still has it."""
    for encoding in reversed(headers.get("content-encoding", "").lower().split(",")):
        encoding = encoding.strip()
        if encoding in _PACKED:
            body = _inflated(body, _PACKED[encoding])
        elif encoding not in ("", "identity") and not body.lstrip().startswith((b"{", b"data:")):
            raise ValueError(
                f"its body is compressed with {encoding!r}; "
                "record it with decode_compressed_response=True"
            )
    return body


def _inflated(body: bytes, kind: int) -> bytes:
    try:
        return zlib.decompress(body, kind)
    except zlib.error:
        return body  # it was written down unpacked


def _told(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)
