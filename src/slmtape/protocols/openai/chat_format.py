"""`response_format`: whether a chat completion answers in JSON, and in which."""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from slmtape.errors import RequestError
from slmtape.generation import JsonFormat, Message
from slmtape.protocols.openai import errors, schemas
from slmtape.protocols.openai.tools import Name
from slmtape.protocols.openai.wire import Strict


class JsonSchema(Strict):
    """`response_format.json_schema`."""

    name: Name
    description: str | None = None
    schema_: dict[str, Any] | None = Field(None, alias="schema")
    strict: bool | None = None


class ResponseFormat(Strict):
    """`response_format`."""

    type: Literal["json_object", "json_schema", "text"]
    json_schema: JsonSchema | None = None


def json_format(given: ResponseFormat | None, messages: Sequence[Message]) -> JsonFormat | None:
    """The JSON that is asked for; None: text. Raises RequestError."""
    if given is None:
        return None
    if given.type != "json_schema" and given.json_schema is not None:
        raise errors.unknown("response_format.json_schema")
    match given.type:
        case "text":
            return None
        case "json_object":
            _check_that_json_is_mentioned(messages)
            return JsonFormat()
        case "json_schema":
            if given.json_schema is None:
                raise errors.missing("response_format.json_schema")
            return _with_schema(given.json_schema)


def _check_that_json_is_mentioned(messages: Sequence[Message]) -> None:
    """Models that aren't told to write JSON may write white space for ever, so OpenAI asks."""
    if not any("json" in message.content.lower() for message in messages):
        raise RequestError(
            "'messages' must contain the word 'json' in some form, to use 'response_format' of "
            "type 'json_object'.",
            param="messages",
        )


def _with_schema(given: JsonSchema) -> JsonFormat:
    if given.schema_ is None:
        if given.strict:
            raise errors.missing("response_format.json_schema.schema")
        return JsonFormat(description=given.description)
    schema = schemas.check(
        given.schema_,
        strict=bool(given.strict),
        what=f"response_format '{given.name}'",
        param="response_format",
        code=None,
    )
    return JsonFormat(schema, given.description)
