"""A JSON schema that says the same, or less, in fewer keywords."""

from typing import Any

from slmtape.schemas import ABOUT, follow, tuple_items, types

APPLIED = ("allOf", "anyOf", "oneOf", "$ref")
"""Keywords whose schemas are about the same value."""

_SAID = {"type", "enum", "const", *APPLIED, *(word for about in ABOUT.values() for word in about)}
_MOST = 64
"""Schemas about one value that are looked at."""

_JOINED = {"type", "properties", "required", "additionalProperties"}


def plainer(root: Any, schema: dict[str, Any]) -> dict[str, Any]:
    """One schema without remarks, `propertyNames`, `uniqueItems` and what only old drafts have."""
    said = {keyword: value for keyword, value in schema.items() if keyword in _SAID}
    if not said.get("patternProperties", True):
        del said["patternProperties"]
    _limits(said)
    if "items" in said or "additionalItems" in said:
        first, rest = tuple_items(said)
        said.pop("additionalItems", None)
        said |= {"items": rest, **({"prefixItems": first} if first else {})}
    if said.pop("uniqueItems", False):
        said["maxItems"] = min(1, said.get("maxItems", 1))
    if "propertyNames" in said:
        said |= _named(root, said.pop("propertyNames"), said.get("additionalProperties", True))
    return said


def distributed(said: dict[str, Any]) -> dict[str, Any] | None:
    """What is said beside one choice, said in each of its branches; None where there is not one."""
    choices = [keyword for keyword in ("anyOf", "oneOf") if keyword in said]
    if len(choices) != 1:
        return None
    (choice,) = choices
    rest = {keyword: value for keyword, value in said.items() if keyword != choice}
    return {"anyOf": [{"allOf": [rest, branch]} for branch in said[choice]]}


def joined(root: Any, said: dict[str, Any]) -> dict[str, Any] | None:
    """What several schemas say about one value, as one; None where it is not so simple."""
    told = _told(root, said)
    if len(told) < 2:
        return told[0] if told and told[0] != said else None
    choices = [one for one in told if one.keys() in ({"anyOf"}, {"oneOf"})]
    if len(choices) == 1:
        (branches,) = choices[0].values()
        return {"anyOf": branches, "allOf": [one for one in told if one is not choices[0]]}
    return _one_object(told)


def _told(root: Any, said: dict[str, Any]) -> list[dict[str, Any]]:
    """What `allOf` and references come to, one by one; nothing where that is too much."""
    told: list[dict[str, Any]] = []
    waiting: list[Any] = [said]
    for _ in range(_MOST):
        if not waiting:
            break
        schema = waiting.pop(0)
        if isinstance(schema, bool):
            said = {} if schema else {"enum": []}
        else:
            said = plainer(root, schema)
        parts = said.pop("allOf", [])
        if "$ref" in said:
            parts = [follow(root, said.pop("$ref")), *parts]
        told += [said] if said else []
        waiting = parts + waiting
    return [] if waiting else told or [{}]


def _one_object(told: list[dict[str, Any]]) -> dict[str, Any] | None:
    """An object with the properties of all; None where they say more than that."""
    if any(set(one) - _JOINED or types(one) not in ([], ["object"]) for one in told):
        return None
    if any(one.get("additionalProperties", True) is not True for one in told):
        return None
    properties: dict[str, Any] = {}
    for name, part in [item for one in told for item in one.get("properties", {}).items()]:
        both = name in properties and properties[name] != part
        properties[name] = {"allOf": [properties[name], part]} if both else part
    required = dict.fromkeys(name for one in told for name in one.get("required", []))
    return {"type": "object", "properties": properties, "required": list(required)}


def _limits(said: dict[str, Any]) -> None:
    """The exclusive limits of draft 4, as later drafts write them."""
    for limit in ("minimum", "maximum"):
        exclusive = f"exclusive{limit.capitalize()}"
        if isinstance(said.get(exclusive), bool) and said.pop(exclusive) and limit in said:
            said[exclusive] = said.pop(limit)


def _named(root: Any, names: Any, other: Any) -> dict[str, Any]:
    """What `propertyNames` comes to in an object that lists no properties."""
    while isinstance(names, dict) and "$ref" in names:
        names = follow(root, names["$ref"])
    said = {} if names is True else plainer(root, names)
    if "const" in said or "enum" in said:
        allowed = said.get("enum", [said.get("const")])
        properties = {name: other for name in allowed if isinstance(name, str)}
        return {"properties": properties, "additionalProperties": False}
    if "pattern" in said:
        return {"patternProperties": {said["pattern"]: other}, "additionalProperties": False}
    return {}
