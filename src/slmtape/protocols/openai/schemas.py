"""Which JSON schemas can be honoured, and OpenAI's words for those that can't."""

from collections.abc import Iterator
from itertools import islice
from math import inf, prod
from typing import Any

from slmtape import schemas
from slmtape.errors import RequestError
from slmtape.keys import json_text
from slmtape.protocols.openai import schema_keywords, strict_schemas
from slmtape.protocols.openai.branches import exclusive
from slmtape.protocols.openai.schema_keywords import HELD, REFUSED
from slmtape.schemas import Step, follow, types

_SCHEMAS = 5000
_NESTED = 32
_VALUES = 100_000
_VALUES_NESTED = 100
"""How much there may be of schemas and of JSON values, in all and one in the other."""

_STEPS = 10_000
"""The product of all `multipleOf` where several may come together."""

_APPLIED = {"allOf", "anyOf", "oneOf", "$ref"}
_SAID = set(HELD) - set(schemas.DEFINED)
_COUNTED = ("minProperties", "maxProperties", "uniqueItems", "propertyNames")
_ARGUMENTS = "invalid_function_parameters"

_TOO_MUCH = "it is too large for this server, or too deeply nested."

Place = tuple[Step, ...]


class _Refused(Exception):
    """What is wrong with a schema."""


def check(
    schema: Any, *, strict: bool, what: str, param: str, code: str | None = "invalid_json_schema"
) -> str:
    """The schema as text. Raises RequestError for one that can't be honoured.

    Every answer will match what is returned. Keywords that JSON Schema doesn't define, and unknown
    formats, are remarks, as its specification has it.

    `what` names it in the message ("function 'f'", "response_format 'answer'"); `param` and
    `code` are those of the error. `strict`: it must keep OpenAI's rules for strict schemas.
    """
    try:
        _measure(schema)
        _whole(schema, strict=strict, arguments=code == _ARGUMENTS)
    except _Refused as refused:
        message = f"Invalid schema for {what}: {refused}"
        raise RequestError(message, param=param, code=code) from refused
    return json_text(schema)


def _refuse(path: Place, words: str) -> _Refused:
    context = tuple(str(step) for step in path)
    return _Refused(f"In context={context}, {words}")


def _measure(value: Any) -> None:
    """Raises where so much is nested or said that looking at it would take long."""
    waiting, count = [(value, 0)], 0
    while waiting:
        one, depth = waiting.pop()
        count += 1
        if depth > _VALUES_NESTED or count > _VALUES:
            raise _Refused(_TOO_MUCH)
        if isinstance(one, dict | list):
            parts = one.values() if isinstance(one, dict) else one
            waiting.extend((part, depth + 1) for part in parts)


def _whole(root: Any, *, strict: bool, arguments: bool) -> None:
    found = []
    for path, schema in islice(_all(root), _SCHEMAS + 1):
        _one(path, schema)
        found.append((path, schema))
    if len(found) > _SCHEMAS:
        raise _Refused(_TOO_MUCH)
    _root(root, strict=strict)
    objects = [(path, schema) for path, schema in found if isinstance(schema, dict)]
    for path, schema in objects:
        if strict and (words := strict_schemas.mistake(schema)):
            raise _refuse(path, words)
        if arguments and "array" in types(schema) and not {"items", "prefixItems"} & schema.keys():
            raise _refuse(path, "array schema missing items.")
        _honoured(root, path, schema)
    if strict and (words := strict_schemas.excess(objects)):
        raise _Refused(words)
    _combined(objects)
    if schemas.circular(root):
        raise _refuse((), "a schema refers to itself without a property or an item in between.")
    if schemas.depths(root)[id(root)] == inf:
        raise _refuse((), "no answer can match this schema, or none would ever end.")


def _all(root: Any) -> Iterator[tuple[Place, Any]]:
    """Every schema, with the path to it: the root, what is in it, what references lead to."""
    waiting: list[tuple[Place, Any]] = [((), root)]
    met: set[int] = set()
    while waiting:
        path, schema = waiting.pop()
        if id(schema) in met:
            continue
        if len(path) > 2 * _NESTED:
            raise _Refused(_TOO_MUCH)
        yield path, schema
        if not isinstance(schema, dict):
            continue
        met.add(id(schema))
        inner = [((*path, *steps), part) for steps, part in schemas.parts(schema)]
        if "$ref" in schema:
            reference = schema["$ref"]
            inner.append((tuple(reference.split("/")[1:]), _target(root, path, reference)))
        waiting.extend(reversed(inner))


def _target(root: Any, path: Place, reference: str) -> Any:
    try:
        return follow(root, reference)
    except LookupError as error:
        raise _refuse(
            path,
            f"reference '{reference}' can't be resolved: it must lead to a schema within this one, "
            "like '#/$defs/name'.",
        ) from error


def _one(path: Place, schema: Any) -> None:
    """Raises where a schema's keywords, each by itself, can't be kept."""
    if isinstance(schema, bool):
        return
    if not isinstance(schema, dict):
        raise _refuse(path, f"{schema!r} is not of type 'object', 'boolean'.")
    for keyword, value in schema.items():
        if keyword in REFUSED:
            raise _refuse(
                path,
                f"'{keyword}' is not supported by this server: no answer could be held to it. "
                "Leave it out, or say it with 'anyOf', 'enum' or 'pattern'.",
            )
        if keyword in HELD and (words := schema_keywords.shape(keyword, value)):
            raise _refuse(path, f"{words}.")


def _root(root: Any, *, strict: bool) -> None:
    """Raises where the root is no object."""
    target = root
    for _ in range(_NESTED):
        if not isinstance(target, dict) or "$ref" not in target or "type" in target:
            break
        target = follow(root, target["$ref"])
    said = target.get("type") if isinstance(target, dict) else None
    if said != "object" or (strict and "anyOf" in root):
        words = f"schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{said}\"'."
        raise _Refused(words)


def _honoured(root: Any, path: Place, schema: dict[str, Any]) -> None:
    """Raises where a schema's keywords leave no answer, or none that can be generated."""
    if found := schema_keywords.conflict(schema):
        raise _refuse(path, f"{found[1]}.")
    if "oneOf" in schema and not exclusive(root, schema["oneOf"]):
        raise _refuse(
            path,
            "the schemas of 'oneOf' may match the same value. Give each a required property with a "
            "'const' of its own, or use 'anyOf'.",
        )
    if "propertyNames" in schema and not _names(root, schema):
        raise _refuse(
            path,
            "'propertyNames' can be an 'enum' or a 'pattern', of an object without 'properties', "
            "on this server.",
        )
    counted = [keyword for keyword in _COUNTED if schema.get(keyword)]
    if counted and _APPLIED & schema.keys():
        raise _refuse(path, f"'{counted[0]}' is not supported beside other schemas.")


def _names(root: Any, schema: dict[str, Any]) -> bool:
    """Whether `propertyNames` is simple enough."""
    names = schema["propertyNames"]
    for _ in range(_NESTED):
        if not isinstance(names, dict) or "$ref" not in names:
            break
        names = follow(root, names["$ref"])
    if not isinstance(names, dict):
        return names is True
    said = names.keys() & _SAID
    if said <= {"type"}:
        return schema_keywords.allows(names, "")
    values = names.get("enum", [names.get("const")])
    alone = not {"properties", "patternProperties", "required"} & schema.keys()
    return alone and (
        said - {"type"} == {"pattern"}
        or (said - {"type"} in ({"enum"}, {"const"}) and all(isinstance(v, str) for v in values))
    )


def _combined(objects: list[tuple[Place, dict[str, Any]]]) -> None:
    """Raises where several schemas may speak of one value, and together are too much."""
    several = [
        path
        for path, schema in objects
        if "allOf" in schema or (_APPLIED & schema.keys() and len(schema.keys() & _SAID) > 1)
    ]
    if not several:
        return
    for path, schema in objects:
        if schema.get("minProperties", 0) > 1 or "maxProperties" in schema:
            raise _refuse(
                path, "'minProperties' and 'maxProperties' are not supported beside 'allOf'."
            )
    steps = {schema["multipleOf"] for _, schema in objects if "multipleOf" in schema}
    if prod(max(1, step, 1 / step) for step in steps) > _STEPS:
        raise _refuse(several[0], "'multipleOf' is not supported beside so many others.")
