"""Whether the branches of `oneOf` exclude each other, so that any one of them is the only one."""

from itertools import combinations
from typing import Any

from slmtape.protocols.openai.schema_keywords import TYPES, allows, limits
from slmtape.schemas import follow, types

_MOST = 100
"""Branches that are compared."""

_DEEPEST = 3
"""Properties of properties that are looked at."""


def exclusive(root: Any, branches: list[Any]) -> bool:
    """Whether no value can match two of these schemas, as far as can easily be told."""
    if len(branches) > _MOST:
        return False
    plain = [_followed(root, branch) for branch in branches]
    return all(_apart(root, one, other, 0) for one, other in combinations(plain, 2))


def _followed(root: Any, schema: Any) -> Any:
    """What a reference leads to, in the end."""
    for _ in range(_MOST):
        if not isinstance(schema, dict) or "$ref" not in schema:
            break
        schema = follow(root, schema["$ref"])
    return schema


def _apart(root: Any, one: Any, other: Any, depth: int) -> bool:
    if one is False or other is False:
        return True
    if one is True or other is True or depth > _DEEPEST:
        return False
    if not _kinds(one) & _kinds(other):
        return True
    values, others = _values(one), _values(other)
    if values is not None:
        return not any(_may_be(other, others, value) for value in values)
    if others is not None:
        return not any(allows(one, value) for value in others)
    if _kinds(one) | _kinds(other) <= {"number", "integer"}:
        return _beside(one, other) or _beside(other, one)
    return _kinds(one) == _kinds(other) == {"object"} and (
        _lacks(one, other) or _lacks(other, one) or _differ(root, one, other, depth)
    )


def _kinds(schema: dict[str, Any]) -> set[str]:
    """The types a value can have; an integer is also a number."""
    kinds = set(types(schema) or TYPES)
    return kinds | {"integer"} if "number" in kinds else kinds


def _values(schema: dict[str, Any]) -> list[Any] | None:
    """The only values there are."""
    values: list[Any] | None = [schema["const"]] if "const" in schema else schema.get("enum")
    return values


def _may_be(schema: dict[str, Any], values: list[Any] | None, value: Any) -> bool:
    return allows(schema, value) and (values is None or value in values)


def _beside(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether all numbers of one are less than those of the other."""
    _, _, high, below = limits(one)
    low, above, _, _ = limits(other)
    return high < low or (high == low and (below or above))


def _lacks(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether one may not have a property that the other must have."""
    closed = one.get("additionalProperties") is False and not one.get("patternProperties")
    return closed and not set(other.get("required", [])) <= set(one.get("properties", {}))


def _differ(root: Any, one: dict[str, Any], other: dict[str, Any], depth: int) -> bool:
    """Whether some property that both have, and one must have, can't be the same."""
    mine, theirs = one.get("properties", {}), other.get("properties", {})
    required = set(one.get("required", [])) | set(other.get("required", []))
    return any(
        _apart(root, _followed(root, mine[name]), _followed(root, theirs[name]), depth + 1)
        for name in required & mine.keys() & theirs.keys()
    )
