"""OpenAI's rules for schemas that are strict, in its words.

See https://platform.openai.com/docs/guides/structured-outputs#supported-schemas.
"""

from collections.abc import Iterable
from typing import Any

from slmtape.schemas import Step, types

PERMITTED = (
    *("type", "properties", "required", "additionalProperties", "items", "enum", "const"),
    *("anyOf", "$ref", "$defs", "definitions", "title", "description", "$schema", "$id"),
    *("$comment", "pattern", "format", "minLength", "maxLength", "minItems", "maxItems"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
)
"""The keywords that strict schemas may have."""

FORMATS = (*("date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"),)

_PROPERTIES, _LEVELS, _VALUES, _CHARACTERS = 5000, 10, 1000, 120_000
_REMARKS = ("title", "description", "$schema", "$id", "$comment", "$defs", "definitions")


def mistake(schema: dict[str, Any]) -> str | None:
    """What is wrong with one schema, without those in it; None where nothing is."""
    for keyword in schema:
        if keyword not in PERMITTED:
            return f"'{keyword}' is not permitted."
    if "$ref" in schema:
        beside = sorted(set(schema) - {"$ref", "$defs", "definitions", "$schema"})
        names = ", ".join(f"'{keyword}'" for keyword in beside)
        return f"$ref cannot have keywords {{{names}}}." if beside else None
    if not {"type", "anyOf", "enum", "const"} & schema.keys():
        return "schema must have a 'type' key."
    if schema.get("format", FORMATS[0]) not in FORMATS:
        return f"'{schema['format']}' is not a valid format."
    if "array" in types(schema) and "items" not in schema:
        return "array schema missing items."
    return _object(schema) if "object" in types(schema) or "properties" in schema else None


def excess(schemas: Iterable[tuple[tuple[Step, ...], Any]]) -> str | None:
    """Which limit on the size of a whole schema is exceeded."""
    properties = values = characters = levels = 0
    for path, schema in schemas:
        if not isinstance(schema, dict):
            continue
        names = [*schema.get("properties", {}), *schema.get("$defs", {})]
        texts = [value for value in schema.get("enum", []) if isinstance(value, str)]
        properties += len(schema.get("properties", {}))
        values += len(schema.get("enum", []))
        characters += sum(map(len, [*names, *texts]))
        levels = max(levels, sum(step in ("properties", "items") for step in path[::2]))
    for limit, count, what in (
        (_PROPERTIES, properties, "object properties in total"),
        (_VALUES, values, "enum values in total"),
        (_CHARACTERS, characters, "characters of names and enum values in total"),
        (_LEVELS, levels, "levels of nesting"),
    ):
        if count > limit:
            return f"a strict schema may have {limit} {what} at most, but this has {count}."
    return None


def _object(schema: dict[str, Any]) -> str | None:
    if schema.get("additionalProperties", True) is not False:
        return "'additionalProperties' is required to be supplied and to be false."
    required, listed = schema.get("required", []), schema.get("properties", {})
    missing = [name for name in listed if name not in required]
    if missing:
        return (
            "'required' is required to be supplied and to be an array including every key in "
            f"properties. Missing '{missing[0]}'."
        )
    extra = [name for name in required if name not in listed]
    return f"Extra required key '{extra[0]}' supplied." if extra else None
