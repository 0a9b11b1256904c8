"""Images, audio and files: the line that stands for each, as a text model can't take them in."""

import base64
import binascii
import hashlib
import re
from urllib.parse import unquote_to_bytes

from slmtape.errors import RequestError
from slmtape.protocols import Served
from slmtape.protocols.openai import errors

_DATA_URL = re.compile(r"data:(?P<kind>[^;,\s]*)(?P<options>(?:;[^;,]*)*),(?P<data>.*)", re.DOTALL)
_URL = re.compile(r"https?://[^\s/]\S*")


def check(served: Served, kind: str, param: str) -> None:
    """Raises RequestError where content parts of this type are refused; `param` is the part's."""
    if served.media == "refuse":
        raise RequestError(
            f"Invalid content type. {kind} is only supported by certain models.",
            param=f"{param}.type",
        )


def image(param: str, *, url: str | None = None, file_id: str | None = None) -> str:
    """`[image: image/png, 68 bytes, sha256 3fa9c1e2b4d57a10]`, or the URL or file id as it is.

    `param` is the path of the URL. Raises RequestError for one that is none.
    """
    if url is not None:
        return f"[image: {_at(url, param)}]"
    if file_id is not None:
        return f"[image: {_one_line(file_id)}]"
    raise errors.missing(param)


def audio(param: str, *, data: str, form: str) -> str:
    """`[audio: wav, 68 bytes, sha256 3fa9c1e2b4d57a10]`; `data`, at `param`, is base64."""
    return f"[audio: {form}, {_digest(_decoded(data, param))}]"


def file(
    param: str,
    *,
    name: str | None = None,
    file_id: str | None = None,
    url: str | None = None,
    data: str | None = None,
) -> str:
    """`[file: a.txt, 68 bytes, sha256 3fa9c1e2b4d57a10]`: whatever is told of a file.

    `data` is base64 or a data URL. `param` is the path of the object with `file_id`, `file_url`
    and `file_data`. Raises RequestError.
    """
    if not (file_id or url or data):
        raise errors.missing(f"{param}.file_id")
    told = [_one_line(word) for word in (name, file_id) if word]
    if url:
        told.append(_at(url, f"{param}.file_url"))
    if data:
        where = f"{param}.file_data"
        told.append(_at(data, where) if ":" in data else _digest(_decoded(data, where)))
    return f"[file: {', '.join(told)}]"


def _at(url: str, param: str) -> str:
    """What is told of a URL: itself, or what a data URL holds."""
    if _URL.fullmatch(url):
        return url
    held = _DATA_URL.fullmatch(url)
    if held is None:
        raise RequestError(
            f"Invalid '{param}'. Expected a valid URL, but got a value with an invalid format. "
            "Give one that begins with 'https://', or a data URL.",
            param=param,
            code="invalid_value",
        )
    in_base64 = held["options"].endswith(";base64")
    data = _decoded(held["data"], param) if in_base64 else unquote_to_bytes(held["data"])
    return f"{held['kind'] or 'text/plain'}, {_digest(data)}"


def _decoded(data: str, param: str) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise RequestError(
            f"Invalid '{param}'. Expected base64-encoded data, but got a value with an invalid "
            "format.",
            param=param,
            code="invalid_value",
        ) from error


def _digest(data: bytes) -> str:
    return f"{len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()[:16]}"


def _one_line(text: str) -> str:
    return " ".join(text.split())
