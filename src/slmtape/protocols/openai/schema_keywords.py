"""What each keyword of a JSON schema may say, and what is done with it."""

import math
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from slmtape.protocols.openai.patterns import mistake
from slmtape.schemas import types

TYPES = ("string", "number", "integer", "boolean", "null", "array", "object")

REFUSED = (
    *("not", "if", "then", "else", "contains", "minContains", "maxContains"),
    *("dependentRequired", "dependentSchemas", "dependencies"),
    *("unevaluatedProperties", "unevaluatedItems", "$dynamicRef", "$recursiveRef"),
)
"""What no answer can be held to while it is generated."""

HELD = (
    *("type", "enum", "const", "anyOf", "oneOf", "allOf", "$ref", "$defs", "definitions"),
    *("properties", "required", "additionalProperties", "patternProperties", "propertyNames"),
    *("minProperties", "maxProperties", "items", "prefixItems", "additionalItems", "minItems"),
    *("maxItems", "uniqueItems", "minLength", "maxLength", "pattern", "format"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
)
"""What every answer is held to. All other keywords are remarks."""

LARGEST = 100_000
"""What counts of characters, items and properties may ask for at least."""

EXACT = 2**53 - 1
"""Beyond it a double doesn't tell one integer from the next."""

TINY = 1e-15
"""Numbers nearer to 0 have too many digits to be written without an exponent."""

_BEGIN = re.compile(r"\^([A-Za-z0-9_])(?![*?{])")
_STEPS = 1000
"""What a `multipleOf` may be without its decimal point: more take too long to prepare."""


def shape(keyword: str, value: Any) -> str | None:
    """What is wrong with a keyword's value by itself, as words; None where nothing is."""
    told = _SHAPES.get(keyword)
    return told(keyword, value) if told else None


def conflict(schema: dict[str, Any]) -> tuple[str, str] | None:
    """The keyword that others of the same schema leave no answer, and the words for it."""
    for told in (_fixed, _lengths, _numbers, _properties):
        if found := told(schema):
            return found
    return None


def allows(schema: dict[str, Any], value: Any) -> bool:
    """Whether a value is of one of the schema's types."""
    return not types(schema) or any(_IS[name](value) for name in types(schema))


def limits(schema: dict[str, Any]) -> tuple[float, bool, float, bool]:
    """The least number, whether it is excluded, the greatest, whether it is excluded."""
    low, high = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)
    least, most = schema.get("exclusiveMinimum", False), schema.get("exclusiveMaximum", False)
    above = least if isinstance(least, bool) else least >= low
    below = most if isinstance(most, bool) else most <= high
    low = low if isinstance(least, bool) else max(low, least)
    high = high if isinstance(most, bool) else min(high, most)
    return low, above, high, below


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_IS: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "number": _number,
    "integer": lambda value: _number(value) and value == int(value),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}


def _type(_: str, value: Any) -> str | None:
    named = value if isinstance(value, list) else [value]
    if named and all(name in TYPES for name in named):
        return None
    wrong = next((name for name in named if name not in TYPES), value)
    return f"{wrong!r} is not valid under any of the given schemas"


def _schemas(keyword: str, value: Any) -> str | None:
    if not isinstance(value, list) or not value:
        return f"'{keyword}' must be an array of at least one schema"
    return None


def _named(keyword: str, value: Any) -> str | None:
    if not isinstance(value, dict):
        return f"'{keyword}' must be an object of schemas"
    if keyword != "patternProperties":
        return None
    wrong = next((told for name in value if (told := _pattern(keyword, name))), None)
    if wrong or len(value) < 2:
        return wrong
    return _overlap([*value])


def _overlap(patterns: Sequence[str]) -> str | None:
    """Whether a name could match two patterns: not where each begins with letters of its own."""
    begins = [_BEGIN.match(pattern) for pattern in patterns]
    letters = {begin[1] for begin in begins if begin and "|" not in begin.string}
    if len(letters) == len(patterns):
        return None
    return "the patterns of 'patternProperties' must begin with '^' and different letters"


def _strings(keyword: str, value: Any) -> str | None:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        return f"'{keyword}' must be an array of strings"
    return None


def _text(keyword: str, value: Any) -> str | None:
    return None if isinstance(value, str) else f"'{keyword}' must be a string"


def _pattern(keyword: str, value: Any) -> str | None:
    if not isinstance(value, str):
        return f"'{keyword}' must be a string"
    wrong = mistake(value)
    return f"'{keyword}' {value!r} {wrong}" if wrong else None


def _count(keyword: str, value: Any) -> str | None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        return f"'{keyword}' must be a non-negative integer"
    if keyword.startswith("min") and value > LARGEST:
        return f"'{keyword}' can be {LARGEST} at most on this server"
    return None


def _limit(keyword: str, value: Any) -> str | None:
    if isinstance(value, bool) and keyword.startswith("exclusive"):
        return None  # as draft 4 has it
    if not _number(value) or not math.isfinite(value):
        return f"'{keyword}' must be a number"
    if 0 < abs(value) < TINY:
        return f"'{keyword}' {value} has too many digits for this server"
    if (value > EXACT) if "inimum" in keyword else (value < -EXACT):
        return f"'{keyword}' leaves only numbers beyond ±(2^53 - 1), which can't be told apart"
    return None


def _step(keyword: str, value: Any) -> str | None:
    if not _number(value) or not math.isfinite(value) or value <= 0:
        return f"'{keyword}' must be a number greater than 0"
    step = Decimal(repr(value)).normalize()
    digits = int("".join(map(str, step.as_tuple().digits)))
    if digits > _STEPS or not Decimal("1e-9") <= step <= LARGEST:
        return f"'{keyword}' {value} has too many digits for this server"
    return None


def _values(keyword: str, value: Any) -> str | None:
    if keyword == "enum" and (not isinstance(value, list) or not value):
        return "'enum' must be an array of at least one value"
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list | dict):
            waiting.extend(one.values() if isinstance(one, dict) else one)
        elif _number(one) and (abs(one) > EXACT or 0 < abs(one) < TINY):
            return f"'{keyword}' has the number {one}, which can't be told apart from others"
    return None


_SHAPES: dict[str, Callable[[str, Any], str | None]] = {
    "type": _type,
    "required": _strings,
    "pattern": _pattern,
    "format": _text,
    "$ref": _text,
    "multipleOf": _step,
    **dict.fromkeys(("enum", "const"), _values),
    **dict.fromkeys(("anyOf", "oneOf", "allOf", "prefixItems"), _schemas),
    **dict.fromkeys(("properties", "patternProperties", "$defs", "definitions"), _named),
    **dict.fromkeys(
        ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"), _count
    ),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), _limit),
    "uniqueItems": lambda keyword, value: (
        None if isinstance(value, bool) else f"'{keyword}' must be a boolean"
    ),
}


def _fixed(schema: dict[str, Any]) -> tuple[str, str] | None:
    for keyword in ("enum", "const"):
        if keyword in schema:
            values = schema["enum"] if keyword == "enum" else [schema["const"]]
            if not any(allows(schema, value) for value in values):
                return keyword, f"'{keyword}' has no value of type {schema['type']!r}"
    return None


def _lengths(schema: dict[str, Any]) -> tuple[str, str] | None:
    for what in ("Length", "Items", "Properties"):
        least, most = schema.get(f"min{what}", 0), schema.get(f"max{what}", math.inf)
        if least > most:
            return f"min{what}", f"'min{what}' is greater than 'max{what}'"
    if schema.get("uniqueItems") and schema.get("minItems", 0) > 1:
        return "uniqueItems", "'uniqueItems' can't be kept by this server beside 'minItems' above 1"
    pattern = schema.get("pattern", "^")
    plain = pattern.isascii() and not any(word in pattern for word in (r"\p", r"\P", r"\u"))
    if not plain and not pattern.startswith("^") and {"minLength", "maxLength"} & schema.keys():
        return "pattern", "'pattern' must begin with '^' beside 'minLength' and 'maxLength'"
    return None


def _numbers(schema: dict[str, Any]) -> tuple[str, str] | None:
    if types(schema) not in (["integer"], ["number"]):
        return None
    low, above, high, below = limits(schema)
    step = Fraction(repr(schema.get("multipleOf", 0)))
    if types(schema) == ["integer"]:
        step = Fraction(step.numerator or 1)
    if low == -math.inf or high == math.inf:
        return None
    if step:
        first = math.ceil(Fraction(low) / step)
        first += above and first * step == Fraction(low)
        some = first * step < high or (first * step == high and not below)
    else:
        some = low < high or (low == high and not above and not below)
    return None if some else ("minimum", "no number is within 'minimum' and 'maximum'")


def _properties(schema: dict[str, Any]) -> tuple[str, str] | None:
    listed, required = schema.get("properties", {}), set(schema.get("required", []))
    closed = schema.get("additionalProperties") is False and not schema.get("patternProperties")
    missing = [name for name in schema.get("required", []) if name not in listed]
    if closed and missing:
        return "required", f"'required' names '{missing[0]}', which 'properties' does not have"
    if any(listed.get(name) is False for name in required):
        return "required", "'required' names a property that may not be there"
    if len(required) > schema.get("maxProperties", math.inf):
        return "maxProperties", "'required' names more properties than 'maxProperties' allows"
    more = schema.get("minProperties", 0) - len(required | listed.keys())
    if more > 0 and (closed or listed or required or more > 1):
        return "minProperties", "'minProperties' can't be kept by this server without 'properties'"
    return None
