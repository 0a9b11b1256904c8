"""A recording as the text of a file: what is committed, reviewed and edited."""

import json
import re
import unicodedata
from itertools import accumulate
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from slmtape.generation import GenerationResult, ModelFile, Piece, Recording
from slmtape.keys import canonical, key, restore

FORMAT = 1
_SLUG_LENGTH = 25


def file_name(recording: Recording) -> str:
    """Where a new recording goes, below the cassette directory: `model/slug-of-prompt-key.json`."""
    folder = re.sub(r"[^A-Za-z0-9._-]+", "-", recording.request.model).lstrip(".") or "model"
    prompt = recording.request.messages[-1].content
    return f"{folder}/{_slug(prompt)}-{recording.key}.json"


def write(recording: Recording) -> str:
    """The file's text: the same for the same recording."""
    request = canonical(recording.request)
    del request["model"]
    seed = {"seed": request.pop("seed")} if "seed" in request else {}
    model = recording.model
    return _dump(
        {
            "format": FORMAT,
            "key": recording.key,
            "model": {"name": model.name, "file": model.file, "sha256": model.sha256},
            "request": request,
            **seed,
            "result": write_result(recording.result),
            "made_with": dict(recording.made_with),
        }
    )


def read(text: str) -> Recording:
    """The recording in a file's text. Raises ValueError, which says what is wrong with it."""
    try:
        data = from_json(text)  # refuses what is nested too deeply, and half characters
    except ValueError as error:
        marked = "it has git's conflict markers" if "<<<<<<< " in text else str(error)
        raise ValueError(f"it is not JSON: {marked}") from error
    if isinstance(data, dict) and data.get("format", FORMAT) != FORMAT:
        raise ValueError(f"its format is {data['format']!r}, and this slmtape reads {FORMAT}")
    try:
        file = _File.model_validate(data)
        seed = {} if file.seed is None else {"seed": file.seed}
        request = restore({"model": file.model.name, **file.request, **seed})
        actual = key(request)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"it is not a recording: {where or 'file'}: {first['msg']}") from error
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"its request can't be read: {error}") from error
    if actual != file.key:
        raise ValueError(
            f"its key is {file.key}, but its request has the key {actual}: "
            "the request was edited (editing the result's text is fine)"
        )
    return Recording(
        key=file.key,
        model=ModelFile(**file.model.model_dump()),
        request=request,
        result=read_result(data["result"]),
        made_with=file.made_with,
    )


def write_result(result: GenerationResult) -> dict[str, Any]:
    """The result as JSON values; `pieces` are lengths in characters."""
    return {
        "text": result.text,
        "finish_reason": result.finish_reason,
        "usage": {
            "prompt_tokens": result.prompt_tokens,
            "completion_tokens": result.completion_tokens,
        },
        "pieces": " ".join(str(len(piece.text)) for piece in result.pieces),
    }


def read_result(written: dict[str, Any]) -> GenerationResult:
    """The result that `write_result` wrote, its text perhaps edited since."""
    text = written["text"]
    lengths = [int(length) for length in written["pieces"].split()]
    if sum(lengths) == len(text):
        ends = accumulate(lengths)
        cut = [text[end - length : end] for end, length in zip(ends, lengths, strict=True)]
    else:
        cut = re.findall(r"\s*\S+(?:\s+$)?|^\s+$", text)
    return GenerationResult(
        pieces=tuple(Piece(piece) for piece in cut),
        finish_reason=written["finish_reason"],
        prompt_tokens=written["usage"]["prompt_tokens"],
        completion_tokens=written["usage"]["completion_tokens"],
    )


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Model(_Strict):
    name: str
    file: str
    sha256: str


class _Usage(_Strict):
    prompt_tokens: Annotated[int, Field(ge=0)]
    completion_tokens: Annotated[int, Field(ge=0)]


class _Result(_Strict):
    text: str
    finish_reason: Literal["stop", "length"]
    usage: _Usage
    pieces: Annotated[str, Field(pattern=r"^(\d+( \d+)*)?$")]


class _File(_Strict):
    format: int
    key: str
    model: _Model
    request: dict[str, Any]
    seed: int | str | None = None
    result: _Result
    made_with: dict[str, str]


def _dump(data: dict[str, Any]) -> str:
    return json.dumps(data, ensure_ascii=False, indent=2) + "\n"


def _slug(prompt: str) -> str:
    plain = unicodedata.normalize("NFKD", prompt).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain[: 4 * _SLUG_LENGTH]).strip("-")
    return words[:_SLUG_LENGTH].rstrip("-") or "prompt"
