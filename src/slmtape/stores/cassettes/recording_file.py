"""A recording as the text of a file: what is committed, reviewed and edited."""

import base64
import json
import re
import struct
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from slmtape.generation import (
    EmbeddingRequest,
    EmbeddingResult,
    FinishReason,
    GenerationResult,
    ModelFile,
    Piece,
    Recording,
    Request,
    Result,
    Token,
)
from slmtape.keys import canonical, key, restore

FORMAT = 1
_SLUG_LENGTH = 25


def file_name(recording: Recording) -> str:
    """Where a new recording goes, below the cassette directory: `model/slug-of-prompt-key.json`."""
    folder = re.sub(r"[^A-Za-z0-9._-]+", "-", recording.request.model).lstrip(".") or "model"
    return f"{folder}/{_slug(_prompt(recording.request))}-{recording.key}.json"


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
        (_EmbeddingFile if "input" in file.request else _GenerationFile).model_validate(data)
        seed = {} if file.seed is None else {"seed": file.seed}
        request = restore({"model": file.model.name, **file.request, **seed})
        actual = key(request)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"it is not a recording: {where or 'file'}: {first['msg']}") from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"its request can't be read: {error}") from error
    try:
        result = read_result(data["result"])
    except (ValueError, struct.error) as error:
        raise ValueError(f"its result can't be read: {error}") from error
    if actual != file.key:
        raise ValueError(
            f"its key is {file.key}, but its request has the key {actual}: "
            "the request was edited (editing the result's text is fine)"
        )
    return Recording(
        key=file.key,
        model=ModelFile(**file.model.model_dump()),
        request=request,
        result=result,
        made_with=file.made_with,
        edited=isinstance(result, GenerationResult) and _edited(data["result"]),
    )


def write_result(result: Result) -> dict[str, Any]:
    """The result as JSON values; `pieces` are lengths in characters."""
    if isinstance(result, EmbeddingResult):
        vector = struct.pack(f"<{len(result.vector)}f", *result.vector)
        return {
            "embedding": base64.b64encode(vector).decode(),
            "usage": {"prompt_tokens": result.prompt_tokens},
        }
    pieces = result.pieces
    written: dict[str, Any] = {"text": result.text}
    if result.reasoning:
        written["reasoning"] = result.reasoning
        written["reasoning_pieces"] = _lengths(pieces, "reasoning")
    if result.refusal:
        written["refusal"] = result.refusal
        written["refusal_pieces"] = _lengths(pieces, "refusal")
    if result.tool_calls:
        written["tool_calls"] = list(_write_calls(pieces))
    written["finish_reason"] = result.finish_reason
    written["usage"] = {
        "prompt_tokens": result.prompt_tokens,
        "completion_tokens": result.completion_tokens,
    }
    if result.reasoning_tokens:
        written["usage"]["reasoning_tokens"] = result.reasoning_tokens
    written["pieces"] = _lengths(pieces, "text")
    if any(piece.tokens for piece in pieces):
        written["logprobs"] = [
            [_write_token(token) for token in piece.tokens]
            for piece in pieces
            if piece.kind == "text"
        ]
    return written


def read_result(written: dict[str, Any]) -> Result:
    """The result that `write_result` wrote, its text perhaps edited since."""
    usage = written["usage"]
    if "embedding" in written:
        vector = base64.b64decode(written["embedding"], validate=True)
        if not vector:
            raise ValueError("the embedding is empty")
        values = struct.unpack(f"<{len(vector) // 4}f", vector)
        return EmbeddingResult(vector=values, prompt_tokens=usage["prompt_tokens"])
    thoughts = _cut(written.get("reasoning", ""), written.get("reasoning_pieces", ""))
    refused = _cut(written.get("refusal", ""), written.get("refusal_pieces", ""))
    cut = _cut(written["text"], written["pieces"])
    logprobs = written.get("logprobs", [])
    tokens = [tuple(_read_token(token) for token in tokens) for tokens in logprobs]
    if len(tokens) != len(cut) or not _begins(written["text"], tokens):
        # Edited: nobody knows how likely the new text is.
        tokens = [()] * len(cut)
    said = [Piece(text, tokens=told) for text, told in zip(cut, tokens, strict=True)]
    calls = [piece for call in written.get("tool_calls", ()) for piece in _read_call(call)]
    return GenerationResult(
        pieces=(
            *(Piece(text, "reasoning") for text in thoughts),
            *said,
            *(Piece(text, "refusal") for text in refused),
            *calls,
        ),
        finish_reason=written["finish_reason"],
        prompt_tokens=usage["prompt_tokens"],
        completion_tokens=usage["completion_tokens"],
        reasoning_tokens=usage.get("reasoning_tokens", 0),
    )


def _prompt(request: Request) -> str:
    if isinstance(request, EmbeddingRequest):
        asked = request.input
    else:
        asked = request.messages[-1].content if request.messages else request.prompt or ""
    return asked if isinstance(asked, str) else "tokens"


def _lengths(pieces: Iterable[Piece], kind: str) -> str:
    return " ".join(str(len(piece.text)) for piece in pieces if piece.kind == kind)


def _cut(text: str, lengths: str) -> list[str]:
    """The text in pieces of these lengths, or by words where they no longer fit."""
    sizes = [int(length) for length in lengths.split()]
    if sum(sizes) == len(text):
        ends = accumulate(sizes)
        return [text[end - size : end] for end, size in zip(ends, sizes, strict=True)]
    return re.findall(r"\s*\S+(?:\s+$)?|^\s+$", text)


def _edited(written: dict[str, Any]) -> bool:
    """Whether a text no longer has the length of its pieces, or the tokens of its logprobs."""
    texts = [(written["text"], written["pieces"])]
    for kind in ("reasoning", "refusal"):
        texts += [(written.get(kind, ""), written.get(f"{kind}_pieces", ""))]
    texts += [(_arguments(call), call.get("pieces", "")) for call in written.get("tool_calls", ())]
    tokens = [[_read_token(token) for token in told] for told in written.get("logprobs", ())]
    return not (
        all(len(text) == sum(map(int, sizes.split())) for text, sizes in texts)
        and _begins(written["text"], tokens)
    )


def _begins(text: str, pieces: Iterable[Iterable[Token]]) -> bool:
    """Whether a text begins with these tokens, white space around it apart."""
    said = b"".join(token.text for tokens in pieces for token in tokens).decode(errors="replace")
    return text.lstrip().startswith(said.strip())


def _write_calls(pieces: Iterable[Piece]) -> Iterator[dict[str, Any]]:
    name, parts = "", list[Piece]()
    for piece in (*pieces, Piece(kind="call")):
        if piece.kind == "call":
            if name:
                arguments = "".join(part.text for part in parts)
                yield {
                    "name": name,
                    "arguments": _readable(arguments),
                    "pieces": _lengths(parts, "arguments"),
                }
            name, parts = piece.text, []
        elif piece.kind == "arguments":
            parts.append(piece)


def _readable(arguments: str) -> Any:
    """Arguments as the object that they are, where the same text can be made of it again."""
    try:
        value = json.loads(arguments)
        return value if isinstance(value, dict) and _compact(value) == arguments else arguments
    except (ValueError, RecursionError):
        return arguments


def _read_call(written: dict[str, Any]) -> list[Piece]:
    cut = _cut(_arguments(written), written.get("pieces", ""))
    return [Piece(written["name"], "call"), *(Piece(part, "arguments") for part in cut)]


def _arguments(written: dict[str, Any]) -> str:
    arguments = written["arguments"]
    return arguments if isinstance(arguments, str) else _compact(arguments)


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _write_token(token: Token) -> list[Any]:
    top = [[_write_bytes(text), logprob] for text, logprob in token.top]
    return [_write_bytes(token.text), token.logprob, *([top] if top else [])]


def _read_token(written: list[Any]) -> Token:
    text, logprob, *rest = written
    top = tuple((_read_bytes(text), float(logprob)) for text, logprob in (rest[0] if rest else ()))
    return Token(_read_bytes(text), float(logprob), top)


def _write_bytes(text: bytes) -> str | list[int]:
    try:
        return text.decode()
    except UnicodeDecodeError:  # a part of a character
        return list(text)


def _read_bytes(written: str | list[int]) -> bytes:
    return written.encode() if isinstance(written, str) else bytes(written)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Model(_Strict):
    name: str
    file: str
    sha256: str


_Count = Annotated[int, Field(ge=0)]
_Lengths = Annotated[str, Field(pattern=r"^(\d+( \d+)*)?$")]
_Text = str | list[Annotated[int, Field(ge=0, le=255)]]


class _Usage(_Strict):
    prompt_tokens: _Count
    completion_tokens: _Count
    reasoning_tokens: _Count = 0


class _ToolCall(_Strict):
    name: Annotated[str, Field(min_length=1)]
    arguments: str | dict[str, Any]
    pieces: _Lengths = ""


_Token = (
    Annotated[tuple[_Text, float], Field(strict=False)]
    | Annotated[
        tuple[_Text, float, list[Annotated[tuple[_Text, float], Field(strict=False)]]],
        Field(strict=False),
    ]
)


class _Result(_Strict):
    text: str
    reasoning: str = ""
    reasoning_pieces: _Lengths = ""
    refusal: str = ""
    refusal_pieces: _Lengths = ""
    tool_calls: list[_ToolCall] = []
    finish_reason: FinishReason
    usage: _Usage
    pieces: _Lengths
    logprobs: list[list[_Token]] = []


class _EmbeddingUsage(_Strict):
    prompt_tokens: _Count


class _Embedding(_Strict):
    embedding: Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]*={0,2}$")]
    usage: _EmbeddingUsage


class _File(_Strict):
    format: int
    key: str
    model: _Model
    request: dict[str, Any]
    seed: int | str | None = None
    result: Any
    made_with: dict[str, str]


class _GenerationFile(_File):
    result: _Result


class _EmbeddingFile(_File):
    result: _Embedding


def _dump(data: dict[str, Any]) -> str:
    result = data["result"]
    logprobs = result.get("logprobs")
    if logprobs is None:
        return json.dumps(data, ensure_ascii=False, indent=2) + "\n"
    # One line for each piece; a number on a line of its own is not for reading.
    lines = ",\n".join(f"      {json.dumps(tokens, ensure_ascii=False)}" for tokens in logprobs)
    text = _dump({**data, "result": {**result, "logprobs": None}})
    before, _, after = text.rpartition('"logprobs": null')
    return f'{before}"logprobs": [\n{lines}\n    ]{after}'


def _slug(prompt: str) -> str:
    plain = unicodedata.normalize("NFKD", prompt).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain[: 4 * _SLUG_LENGTH]).strip("-")
    return words[:_SLUG_LENGTH].rstrip("-") or "prompt"
