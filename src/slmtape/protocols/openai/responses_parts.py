"""The content parts of messages and of functions' answers, and the text that a model gets."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from slmtape.protocols import Served
from slmtape.protocols.openai import errors, media
from slmtape.protocols.openai.responses_state import Item
from slmtape.protocols.openai.wire import Strict, read


class InputText(Strict):
    """A text of a client's."""

    type: Literal["input_text"]
    text: str
    prompt_cache_breakpoint: dict[str, Any] | None = None


class InputImage(Strict):
    """An image, by its URL or a file's id."""

    type: Literal["input_image"]
    detail: Literal["low", "high", "auto", "original"] | None = None
    image_url: str | None = None
    file_id: str | None = None
    prompt_cache_breakpoint: dict[str, Any] | None = None


class InputFile(Strict):
    """A file, by its URL, its id, or its content."""

    type: Literal["input_file"]
    detail: Literal["auto", "low", "high"] | None = None
    file_data: str | None = None
    file_id: str | None = None
    file_url: str | None = None
    filename: str | None = None
    prompt_cache_breakpoint: dict[str, Any] | None = None


class OutputText(Strict):
    """A text of the assistant's. Clients may send it back without its lists, or parsed."""

    type: Literal["output_text"]
    text: str
    annotations: list[dict[str, Any]] = Field(default_factory=list)
    logprobs: list[dict[str, Any]] | None = None
    parsed: Any = Field(None, exclude=True)


class Refusal(Strict):
    """What the assistant said instead of an answer."""

    type: Literal["refusal"]
    refusal: str


Parts = Mapping[str, type[Strict]]
INPUT_PARTS: Parts = {
    "input_text": InputText,
    "input_image": InputImage,
    "input_file": InputFile,
}
OUTPUT_PARTS: Parts = {"output_text": OutputText, "refusal": Refusal}


def read_parts(given: Any, allowed: Parts, path: str, served: Served) -> list[Item]:
    """The parts as they come back. Raises RequestError, also where media are refused."""
    if not isinstance(given, list):
        raise errors.wrong_type(path, "one of a string or array of objects", given)
    return [_part(part, allowed, f"{path}[{index}]", served) for index, part in enumerate(given)]


def text_of(parts: str | Sequence[Item]) -> str:
    """What a model is told of a content: its parts, a line each."""
    if isinstance(parts, str):
        return parts
    return "\n".join(_text(part, "input") for part in parts)


def _part(given: Any, allowed: Parts, path: str, served: Served) -> Item:
    if not isinstance(given, dict):
        raise errors.wrong_type(path, "an object", given)
    kind = given.get("type")
    if kind is None:
        raise errors.missing(f"{path}.type")
    if not isinstance(kind, str) or kind not in allowed:
        raise errors.not_among(f"{path}.type", kind, list(allowed))
    part = read(allowed[kind], given, path).model_dump(exclude_none=True)
    if kind in ("input_image", "input_file"):
        media.check(served, kind, path)
        _text(part, path)  # what is wrong with it is told where it stands
    return part | {"logprobs": part.get("logprobs", [])} if kind == "output_text" else part


def _text(part: Item, path: str) -> str:
    match part["type"]:
        case "input_image":
            url, file_id = part.get("image_url"), part.get("file_id")
            return media.image(f"{path}.image_url", url=url, file_id=file_id)
        case "input_file":
            return media.file(
                path,
                name=part.get("filename"),
                file_id=part.get("file_id"),
                url=part.get("file_url"),
                data=part.get("file_data"),
            )
        case "refusal":
            return str(part["refusal"])
        case _:
            return str(part["text"])
