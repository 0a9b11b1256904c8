"""`text`: the form of an answer, and how it comes back."""

from typing import Any, Literal

from pydantic import Field

from slmtape.generation import JsonFormat
from slmtape.protocols.openai import errors, schemas
from slmtape.protocols.openai.tools import Name
from slmtape.protocols.openai.wire import Strict, read

_FORMATS = ("json_object", "text", "json_schema")


class TextConfig(Strict):
    """`text`; its format is read by type."""

    format: dict[str, Any] | None = None
    verbosity: Literal["low", "medium", "high"] | None = None


class JsonSchema(Strict):
    """A `text.format` of the type `json_schema`."""

    type: str
    name: Name
    schema_: dict[str, Any] = Field(alias="schema")
    description: str | None = None
    strict: bool | None = None


class Bare(Strict):
    """A `text.format` that is nothing but its type."""

    type: str


def text_format(text: TextConfig) -> tuple[JsonFormat | None, dict[str, Any]]:
    """The form of an answer, None: text; and as it comes back. Raises RequestError."""
    given = {"type": "text"} if text.format is None else text.format
    kind = given.get("type")
    if kind is None:
        raise errors.missing("text.format.type")
    if kind not in _FORMATS:
        raise errors.not_among("text.format.type", kind, _FORMATS)
    if kind != "json_schema":
        bare = read(Bare, given, "text.format")
        return (JsonFormat() if kind == "json_object" else None), {"type": bare.type}
    form = read(JsonSchema, given, "text.format")
    schema = schemas.check(
        form.schema_,
        strict=bool(form.strict),
        what=f"response_format '{form.name}'",
        param="text.format.schema",
    )
    echo = {
        "type": "json_schema",
        "description": form.description,
        "name": form.name,
        "schema": form.schema_,
        "strict": bool(form.strict),
    }
    return JsonFormat(schema, form.description), echo
