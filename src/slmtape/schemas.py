"""JSON schemas as trees: the parts of one, where its references lead, how deep its answers go."""

import re
from collections.abc import Callable, Iterator
from math import inf
from typing import Any
from urllib.parse import unquote

NAMED = ("properties", "patternProperties", "$defs", "definitions")
"""Keywords that hold schemas by name."""

LISTED = ("anyOf", "oneOf", "allOf", "prefixItems")
"""Keywords that hold a list of schemas."""

SINGLE = ("items", "additionalProperties", "additionalItems", "propertyNames")
"""Keywords that hold one schema (`items`, in old drafts, also a list)."""

HOLD = {*NAMED, *LISTED, *SINGLE, "$ref"}
"""Keywords that lead to other schemas."""

ABOUT = {
    "object": (
        *("properties", "required", "additionalProperties", "patternProperties"),
        *("minProperties", "maxProperties", "propertyNames"),
    ),
    "array": ("items", "prefixItems", "additionalItems", "minItems", "maxItems", "uniqueItems"),
    "string": ("minLength", "maxLength", "pattern", "format"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
}
"""The keywords about each type. They tell what a schema without a type is meant for."""

DEEPEST = 32
"""References that the shallowest answer may follow, one inside the other."""

DEFINED = ("$defs", "definitions")
"""Keywords whose schemas mean nothing until they are referred to."""

Step = str | int


def parts(schema: dict[str, Any]) -> Iterator[tuple[tuple[Step, ...], Any]]:
    """The schemas directly in one, and the path from it to each."""
    for keyword, value in schema.items():
        if keyword in NAMED and isinstance(value, dict):
            yield from (((keyword, name), part) for name, part in value.items())
        elif keyword in LISTED or (keyword == "items" and isinstance(value, list)):
            if isinstance(value, list):
                yield from (((keyword, index), part) for index, part in enumerate(value))
        elif keyword in SINGLE:
            yield (keyword,), value


def follow(root: Any, reference: str) -> Any:
    """What `#/…` points to in `root`. Raises LookupError where that is nothing."""
    if reference != "#" and not reference.startswith("#/"):
        raise LookupError(reference)
    found = root
    for step in unquote(reference[1:]).split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, list):
            if not name.isdecimal() or int(name) >= len(found):
                raise LookupError(reference)
            found = found[int(name)]
        elif isinstance(found, dict) and name in found:
            found = found[name]
        else:
            raise LookupError(reference)
    return found


def depths(root: Any) -> dict[int, float]:
    """How many references the shallowest answer to each schema follows, by the schema's `id()`.

    Only schemas that answers can come from are in it. Infinite: no answer ever ends, or one would
    follow more than `DEEPEST`.
    """
    schemas = _reachable(root)
    found: dict[int, float] = {id(schema): inf for schema in schemas}
    for _ in range(DEEPEST):
        before = dict(found)
        for schema in schemas:
            found[id(schema)] = depth(root, schema, found)
        if found == before:
            break
    return found


def recursive(root: Any) -> set[int]:
    """The `id()` of each schema that references lead to from itself, or between two such."""
    targets: dict[int, set[int]] = {}
    for schema in _reachable(root):
        if "$ref" in schema:
            target = follow(root, schema["$ref"])
            targets[id(target)] = {
                id(follow(root, inner["$ref"])) for inner in _within(target) if "$ref" in inner
            }
    return _circles(targets) & _circles(_turned(targets))


def circular(root: Any) -> bool:
    """Whether a schema says of a value what it says of that same value."""
    about: dict[int, set[int]] = {}
    for schema in _reachable(root):
        applied = [part for path, part in parts(schema) if path[0] in ("allOf", "anyOf", "oneOf")]
        if "$ref" in schema:
            applied.append(follow(root, schema["$ref"]))
        about[id(schema)] = {id(part) for part in applied if isinstance(part, dict)}
    return bool(_circles(about))


def _circles(leads: dict[int, set[int]]) -> set[int]:
    """Those from which one comes into a circle."""
    sources, left = _turned(leads), set(leads)
    count = {one: len(to) for one, to in leads.items()}
    waiting = [one for one in leads if not count[one]]
    while waiting:
        one = waiting.pop()
        left.remove(one)
        for source in sources[one]:
            count[source] -= 1
            if not count[source]:
                waiting.append(source)
    return left


def _turned(leads: dict[int, set[int]]) -> dict[int, set[int]]:
    """The same, led backwards."""
    turned: dict[int, set[int]] = {one: set() for one in leads}
    for one, to in leads.items():
        for other in to:
            turned[other].add(one)
    return turned


def _within(schema: Any) -> Iterator[dict[str, Any]]:
    """A schema and all in it, without following references."""
    waiting = [schema]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield one
            waiting.extend(part for path, part in parts(one) if path[0] not in DEFINED)


def types(schema: dict[str, Any]) -> list[str]:
    """The types that a schema names; none where it names none."""
    named = schema.get("type", [])
    return named if isinstance(named, list) else [named]


def meant(schema: dict[str, Any]) -> list[str]:
    """The types that a schema names, or else those that its keywords are about."""
    return types(schema) or [kind for kind, about in ABOUT.items() if set(about) & set(schema)]


def _reachable(root: Any) -> list[dict[str, Any]]:
    """The objects among the schemas that are met on the way from the root, the last ones first."""
    met: dict[int, dict[str, Any]] = {}
    waiting = [root]
    while waiting:
        schema = waiting.pop()
        if not isinstance(schema, dict) or id(schema) in met:
            continue
        met[id(schema)] = schema
        waiting.extend(part for path, part in parts(schema) if path[0] not in DEFINED)
        if "$ref" in schema:
            waiting.append(follow(root, schema["$ref"]))
    return list(reversed(met.values()))


def depth(root: Any, schema: Any, found: dict[int, float]) -> float:
    """The depth of one schema, from the depths of those it is made of."""
    if not isinstance(schema, dict):
        return 0 if schema else inf

    def of(part: Any) -> float:
        known = found.get(id(part))
        return depth(root, part, found) if known is None else known

    needed = [of(part) for part in schema.get("allOf", [])]
    needed += [min(map(of, schema[key])) for key in ("anyOf", "oneOf") if schema.get(key)]
    if "$ref" in schema:
        needed.append(1 + of(follow(root, schema["$ref"])))
    needed_of = {"object": _needed_properties, "array": _needed_items}
    kinds = [needed_of[kind](schema, of) if kind in needed_of else 0 for kind in meant(schema)]
    return max([*needed, min(kinds, default=0)])


def property_schemas(schema: dict[str, Any], name: str) -> list[Any]:
    """What an object says of one property: as listed and in matching patterns, else of others."""
    listed, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    said = [listed[name]] if name in listed else []
    said += [part for pattern, part in patterns.items() if _matches(pattern, name)]
    return said or [schema.get("additionalProperties", True)]


def _matches(pattern: str, name: str) -> bool:
    """Whether a name may match a pattern. One that Python can't read is taken to match."""
    try:
        return re.search(pattern, name) is not None
    except re.error:
        return True


def _needed_properties(schema: dict[str, Any], of: Callable[[Any], float]) -> float:
    """The depth of an object: of what is required and, for `minProperties`, the shallowest others.

    Others are of those listed; where none are, of those that patterns speak of.
    """

    def of_name(name: str) -> float:
        return max(map(of, property_schemas(schema, name)))

    listed, required = schema.get("properties", {}), dict.fromkeys(schema.get("required", []))
    needed = [of_name(name) for name in required]
    more = max(0, schema.get("minProperties", 0) - len(required))
    if listed or required:
        needed += sorted(of_name(name) for name in listed if name not in required)[:more]
    elif more:
        patterns = schema.get("patternProperties") or {"": schema.get("additionalProperties", True)}
        needed.append(min(map(of, patterns.values())))
    return max(needed, default=0)


def _needed_items(schema: dict[str, Any], of: Callable[[Any], float]) -> float:
    """The depth of an array: of the items that it can't do without."""
    count = schema.get("minItems", 0)
    first, rest = tuple_items(schema)
    return max(map(of, [*first[:count], *([rest] if count > len(first) else [])]), default=0)


def tuple_items(schema: dict[str, Any]) -> tuple[list[Any], Any]:
    """The schemas of an array's first items, and of all others, as any draft writes them."""
    items = schema.get("items", True)
    if isinstance(items, list):
        return items, schema.get("additionalItems", True)
    return schema.get("prefixItems", []), items
