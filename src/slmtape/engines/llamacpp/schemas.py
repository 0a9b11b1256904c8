"""A JSON schema, narrowed to answers that a small model ends."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING, Any, TypeVar

from slmtape import schemas
from slmtape.engines.llamacpp import bounds
from slmtape.engines.llamacpp.formats import FORMATS
from slmtape.engines.llamacpp.plainer import APPLIED, distributed, joined, plainer
from slmtape.keys import json_text
from slmtape.schemas import follow, meant, tuple_items

if TYPE_CHECKING:
    from llguidance._lib import JsonCompileOptions

_T = TypeVar("_T")

COMPACT: "JsonCompileOptions" = {
    "whitespace_flexible": False,
    "item_separator": ",",
    "key_separator": ":",
}
"""What llguidance is to be told besides a schema (`overrides`): no spaces between anything."""

LETTERS = (400, 120, 60, 40)
"""Characters of a string at most: at the top, in an array or recursion, in one of one …"""

ITEMS = (8, 4, 3, 2)
"""Items of an array at most, likewise."""

NAMES = 4
"""Properties of an object at most, besides those that its schema lists."""

_ROUNDS = 2
"""How often an answer enters definitions that lead back to themselves."""

_MOST = 1000
_MERGED = 8
"""Schemas that are made of others at most, in all and one inside the other: they can multiply."""

_SCALARS = ["string", "number", "boolean", "null"]


def for_generation(schema: str | None) -> str:
    """A schema as text whose every answer is one of the given schema's, and likely to be finished.

    Left to themselves at temperature 0, small models never end a list, invent properties and write
    decimals for ever. So lists, strings, numbers and maps get bounds (`ITEMS`, `LETTERS`, four
    decimals, `NAMES`), objects that list their properties have no others, recursion ends after two
    rounds, formats are their simplest form (`FORMATS`), `uniqueItems` is one item at most, and
    where any value may stand it is a shallow one. A value that several schemas speak of, where
    they are not simply parts of one object, is left as it is.

    The schema is one that was checked: of `oneOf` any branch is good, because they exclude each
    other. None is a function without parameters: `{}`. Give `COMPACT` to llguidance with it.
    """
    root = {"type": "object", "maxProperties": 0} if schema is None else json.loads(schema)
    return json_text(_Narrowing(root).whole())


@dataclass(frozen=True)
class _Place:
    """Where in an answer a schema is met.

    `arrays`: how many are around it. `rounds`: recursive definitions that were entered. `merged`:
    schemas made of others that it is in. `alone`: no other schema speaks of the same value.
    """

    arrays: int = 0
    rounds: int = 0
    merged: int = 0
    alone: bool = True

    @property
    def ends(self) -> bool:
        """Whether to take the shortest way out of recursion."""
        return self.rounds > _ROUNDS

    @property
    def size(self) -> int:
        """How small things are to be: 0 to 3."""
        return min(self.arrays + self.rounds, len(ITEMS) - 1)

    @property
    def inside(self) -> "_Place":
        """The place of an array's items."""
        return replace(self, arrays=min(self.arrays + 1, len(ITEMS) - 1))


class _Narrowing:
    """One schema's way through `for_generation`."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._depths = schemas.depths(root)
        self._recursive = schemas.recursive(root)
        self._names: dict[tuple[int, _Place], str] = {}
        self._merged = 0
        self._waiting: list[tuple[str, Any, _Place]] = []

    def whole(self) -> Any:
        """The narrowed schema, its definitions under `$defs`."""
        narrowed = self._schema(self._root, _Place())
        definitions = {}
        while self._waiting:
            name, schema, place = self._waiting.pop()
            definitions[name] = self._schema(schema, place)
        return {**narrowed, "$defs": definitions} if definitions else narrowed

    def _schema(self, schema: Any, place: _Place) -> Any:
        if self._depth(schema) == inf:
            return False
        said = {} if schema is True else plainer(self._root, schema)
        if not place.alone or "enum" in said or "const" in said:
            return self._kept(said, replace(place, alone=False))
        applied = [keyword for keyword in APPLIED if keyword in said]
        if not applied:
            return self._value(said, place)
        if len(said) == 1 and applied != ["allOf"]:
            return self._applied(said, place)
        simpler = distributed(said) or joined(self._root, said)
        self._merged += 1
        if simpler is None or self._merged > _MOST or place.merged > _MERGED:
            return self._kept(said, replace(place, alone=False))
        return self._schema(simpler, replace(place, merged=place.merged + 1))

    def _kept(self, said: dict[str, Any], place: _Place) -> dict[str, Any]:
        """What is said, without new bounds."""
        kept = {keyword: value for keyword, value in said.items() if keyword not in schemas.HOLD}
        for path, part in schemas.parts(said):
            keyword = "anyOf" if path[0] == "oneOf" else str(path[0])
            narrowed = self._schema(part, place)
            if len(path) == 1:
                kept[keyword] = narrowed
            elif isinstance(path[1], int):
                kept.setdefault(keyword, []).append(narrowed)
            else:
                kept.setdefault(keyword, {})[path[1]] = narrowed
        if "$ref" in said:
            kept |= self._reference(said["$ref"], place)
        if kept.get("format") in FORMATS and "pattern" not in kept:
            kept["pattern"] = FORMATS[kept["format"]].pattern
        return {keyword: value for keyword, value in kept.items() if keyword != "format"}

    def _applied(self, said: dict[str, Any], place: _Place) -> dict[str, Any]:
        """A reference, or a choice, that is all that is said."""
        if "$ref" in said:
            return self._reference(said["$ref"], place)
        (branches,) = said.values()
        within = self._within([(branch, branch) for branch in branches], place)
        return {"anyOf": [self._schema(branch, place) for branch in within]}

    def _within(self, choices: list[tuple[_T, Any]], place: _Place) -> list[_T]:
        """Those of several whose schemas have answers; at the end of recursion the shallowest."""
        depths = [self._depth(schema) for _, schema in choices]
        most = min(depths, default=0) if place.ends else schemas.DEEPEST
        return [one for (one, _), depth in zip(choices, depths, strict=True) if depth <= most]

    def _depth(self, schema: Any) -> float:
        known = self._depths.get(id(schema))
        return schemas.depth(self._root, schema, self._depths) if known is None else known

    def _reference(self, reference: str, place: _Place) -> dict[str, Any]:
        """A reference to the schema that this one leads to, as it is narrowed in this place."""
        target = follow(self._root, reference)
        place = replace(place, merged=0)
        if id(target) in self._recursive:
            place = replace(place, rounds=min(place.rounds + 1, _ROUNDS + 1))
        key = id(target), place
        if key not in self._names:
            self._names[key] = f"d{len(self._names)}"
            self._waiting.append((self._names[key], target, place))
        return {"$ref": f"#/$defs/{self._names[key]}"}

    def _value(self, said: dict[str, Any], place: _Place) -> dict[str, Any]:
        """A value about which nothing is said but this."""
        kinds = self._within([(kind, said | {"type": kind}) for kind in meant(said)], place)
        if not kinds:
            return self._free(place)
        bounded: dict[str, Any] = {"type": kinds if len(kinds) > 1 else kinds[0]}
        if "object" in kinds:
            bounded |= self._object(said, place)
        if "array" in kinds:
            bounded |= self._array(said, place)
        if "string" in kinds:
            bounded |= bounds.text(said, LETTERS[place.size])
        if "integer" in kinds or "number" in kinds:
            bounded |= bounds.number(said, decimals="number" in kinds)
        return bounded

    def _free(self, place: _Place) -> dict[str, Any]:
        """Any value: a scalar, or, outside arrays, a list or an object of scalars."""
        if place.arrays or place.ends:
            return self._value({"type": _SCALARS}, place)
        return self._value({"type": [*_SCALARS, "array", "object"]}, place)

    def _array(self, said: dict[str, Any], place: _Place) -> dict[str, Any]:
        first, rest = tuple_items(said)
        least = said.get("minItems", 0)
        most = ITEMS[place.size] if not first or "items" in said else len(first)
        deep = [place.ends and self._depth(part) > 0 for part in (*first, rest)]
        if any(deep):
            most = min(most, deep.index(True))
        most = min(said.get("maxItems", inf), max(least, most))
        bounded: dict[str, Any] = {"maxItems": most, **({"minItems": least} if least else {})}
        if first:
            bounded["prefixItems"] = [self._schema(part, place.inside) for part in first[:most]]
        if most > len(first):
            bounded["items"] = self._schema(rest, place.inside)
        return bounded

    def _object(self, said: dict[str, Any], place: _Place) -> dict[str, Any]:
        least, most = said.get("minProperties", 0), said.get("maxProperties", inf)
        properties = _properties(said)
        required, optional = self._chosen(said, properties, place)
        properties = {name: properties[name] for name in properties if name in required + optional}
        bounded = {
            "properties": {name: self._schema(part, place) for name, part in properties.items()},
            "required": required,
            "additionalProperties": False,
        }
        if most > len(properties) and not (place.ends and least <= len(required)):
            bounded |= self._others(said, properties, optional, place)
            if "patternProperties" in bounded and not optional:
                bounded |= {"minProperties": least} if least else {}
                bounded["maxProperties"] = min(most, max(least, len(properties) + NAMES))
        return bounded

    def _chosen(
        self, said: dict[str, Any], properties: Mapping[str, Any], place: _Place
    ) -> tuple[list[str], list[str]]:
        """The properties that an object is to have, and those it may have: the shallowest."""
        required = list(dict.fromkeys(said.get("required", [])))
        if "maxProperties" not in said:  # what tells the branches of a choice apart
            constant = [name for name, part in properties.items() if _is_constant(part)]
            required += [name for name in constant if name not in required]
        depths = {
            name: self._depth(properties[name]) for name in properties if name not in required
        }
        optional = sorted(depths, key=depths.__getitem__)
        more = max(0, said.get("minProperties", 0) - len(required))
        required, optional = required + optional[:more], optional[more:]
        most = min(said.get("maxProperties", inf), len(properties)) - len(required)
        deepest = 0 if place.ends else inf
        return required, [name for name in optional if depths[name] <= deepest][:most]

    def _others(
        self, said: dict[str, Any], listed: Collection[str], optional: list[str], place: _Place
    ) -> dict[str, Any]:
        """What other properties an object may have; nothing where only its own are wanted.

        llguidance counts properties only where all that are listed are required.
        """
        patterns = said.get("patternProperties", {})
        if optional and (not patterns or "maxProperties" in said):
            return {}
        if not patterns:
            other = said.get("additionalProperties", not listed)
            name = bounds.names(listed)
            if name is None or other is False or (other is True and listed):
                return {}
            patterns = {name: other}
        within = self._within([(item, item[1]) for item in patterns.items()], place)
        narrowed = {name: self._schema(part, place.inside) for name, part in within}
        return {"patternProperties": narrowed}


def _properties(said: dict[str, Any]) -> dict[str, Any]:
    """All that an object says of each property that it lists or requires."""
    names = dict.fromkeys([*said.get("properties", {}), *said.get("required", [])])
    return {name: _all_of(schemas.property_schemas(said, name)) for name in names}


def _all_of(parts: list[Any]) -> Any:
    first, *others = parts
    return {"allOf": parts} if any(part != first for part in others) else first


def _is_constant(schema: Any) -> bool:
    return isinstance(schema, dict) and "const" in schema
