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
    looked = _Looked(root)
    return all(looked.apart(one, other) for one, other in combinations(branches, 2))


class _Looked:
    """What was found out about schemas, by their `id()`."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._kinds: dict[int, set[str]] = {}
        self._values: dict[int, set[str] | None] = {}

    def apart(self, one: Any, other: Any, depth: int = 0) -> bool:
        """Whether no value can match both."""
        one, other = self._followed(one), self._followed(other)
        if one is False or other is False:
            return True
        if one is True or other is True or depth > _DEEPEST:
            return False
        self._look(one)
        self._look(other)
        kinds, others = self._kinds[id(one)], self._kinds[id(other)]
        if not kinds & others:
            return True
        values, theirs = self._values[id(one)], self._values[id(other)]
        if values is not None or theirs is not None:
            return values is not None and theirs is not None and values.isdisjoint(theirs)
        if kinds | others <= {"number", "integer"}:
            return _beside(one, other) or _beside(other, one)
        if kinds | others != {"object"}:
            return False
        return _lacks(one, other) or _lacks(other, one) or self._differ(one, other, depth)

    def _followed(self, schema: Any) -> Any:
        """What a reference leads to, in the end."""
        for _ in range(_MOST):
            if not isinstance(schema, dict) or "$ref" not in schema:
                break
            schema = follow(self._root, schema["$ref"])
        return schema

    def _look(self, schema: dict[str, Any]) -> None:
        if id(schema) in self._kinds:
            return
        values = [schema["const"]] if "const" in schema else schema.get("enum")
        kinds = set(types(schema) or TYPES)
        self._values[id(schema)] = None
        if values is not None:
            values = [value for value in values if allows(schema, value)]
            self._values[id(schema)] = {_told(value) for value in values}
            kinds = {kind for kind in TYPES if any(allows({"type": kind}, v) for v in values)}
        self._kinds[id(schema)] = kinds | ({"integer"} if "number" in kinds else set())

    def _differ(self, one: dict[str, Any], other: dict[str, Any], depth: int) -> bool:
        """Whether some property that both have, and one must have, can't be the same."""
        mine, theirs = one.get("properties", {}), other.get("properties", {})
        required = {*one.get("required", []), *other.get("required", [])}
        shared = required & mine.keys() & theirs.keys()
        return any(self.apart(mine[name], theirs[name], depth + 1) for name in shared)


def _told(value: Any) -> str:
    """A value as text, the same for equal ones, and for all arrays, and for all objects."""
    if isinstance(value, list | dict):
        return type(value).__name__
    if isinstance(value, float) and value == int(value):
        value = int(value)
    return value if isinstance(value, str) else f"{type(value).__name__} {value}"


def _beside(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether all numbers of one are less than those of the other."""
    _, _, high, below = limits(one)
    low, above, _, _ = limits(other)
    return high < low or (high == low and (below or above))


def _lacks(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether one may not have a property that the other must have."""
    closed = one.get("additionalProperties") is False and not one.get("patternProperties")
    return closed and not set(other.get("required", [])) <= set(one.get("properties", {}))
