"""OpenAI's errors: the envelope, and its words for each kind of mistake in a body."""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

from pydantic_core import ErrorDetails, from_json

from slmtape.errors import RequestError, SlmtapeError
from slmtape.protocols.openai import unserved

ONE, MANY, TOKENS, TOKEN_ARRAYS = BRANCHES = ("<one>", "<many>", "<tokens>", "<token arrays>")
"""What unions of a value and an array of them call their branches."""

REFUSED = "refused"
"""What a validator calls a mistake that it has the error for, in `ctx["error"]`."""


def body(error: SlmtapeError) -> bytes:
    """The envelope of an error."""
    told = {
        "message": error.message,
        "type": error.type,
        "param": error.param,
        "code": error.code,
    }
    return json.dumps({"error": told}, ensure_ascii=False).encode()


def no_such_path(method: str, path: str) -> RequestError:
    """The error for an unknown path."""
    return unserved.refusal(method, path) or RequestError(
        f"Invalid URL ({method} {path})", status=404
    )


def wrong_method(method: str, path: str) -> RequestError:
    """The error for a method that a path does not have."""
    return unserved.refusal(method, path) or RequestError(
        f"Not allowed to {method} on {path}. "
        "(HINT: Perhaps you meant to use a different HTTP method?)",
        code="method_not_supported",
        status=405,
    )


def read_object(raw: bytes, content_type: str | None) -> dict[str, Any]:
    """The JSON object in a body. Raises RequestError for anything else."""
    kind = (content_type or "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise RequestError(
            f"Unsupported content type: '{kind}'. This API method only accepts "
            "'application/json' requests. Please try again with the header "
            "'Content-Type: application/json'.",
            code="unsupported_content_type",
        )
    try:
        value = from_json(raw, allow_inf_nan=False)
    except ValueError as error:
        raise RequestError(
            f"We could not parse the JSON body of your request: {error}. "
            "The API expects a JSON object, encoded as UTF-8."
        ) from error
    if not isinstance(value, dict):
        raise RequestError(
            "We could not parse the JSON body of your request: the API expects a JSON object, "
            f"but it is {_kind(value)}."
        )
    return value


def mistake(errors: Sequence[ErrorDetails], order: Sequence[str]) -> RequestError:
    """The error to report for pydantic's findings: unknown names first, then in `order`."""

    def rank(error: ErrorDetails) -> tuple[bool, int]:
        name = str(error["loc"][0])
        return error["type"] != "extra_forbidden", order.index(name) if name in order else -1

    return _told(min(errors, key=rank))


def first(errors: Sequence[ErrorDetails], param: str) -> RequestError:
    """The error to report for pydantic's findings in the object at `param`: unknown names first."""
    unknown = [error for error in errors if error["type"] == "extra_forbidden"]
    return _told((unknown or errors)[0], param)


def missing(param: str) -> RequestError:
    """The error for a parameter that must be there."""
    return RequestError(
        f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter"
    )


def unknown(param: str, known: Iterable[str] = ()) -> RequestError:
    """The error for a parameter that does not exist; names the `known` one that was meant."""
    close = [(_distance(param, name), name) for name in known if abs(len(name) - len(param)) <= 2]
    distance, meant = min(close, default=(3, ""))
    hint = f" Did you mean '{meant}'?" if distance <= 2 else ""
    return RequestError(
        f"Unknown parameter: '{param}'.{hint}", param=param, code="unknown_parameter"
    )


def unsupported_parameter(param: str) -> RequestError:
    """The error for a parameter that exists at OpenAI, but not here."""
    return RequestError(
        f"Unsupported parameter: '{param}' is not supported by this server.",
        param=param,
        code="unsupported_parameter",
    )


def unsupported(param: str, what: str, instead: str = "") -> RequestError:
    """The error for what exists at OpenAI ("the type 'custom'"), but not here."""
    return RequestError(
        f"Unsupported value: '{param}': {what} is not supported by this server. {instead}".strip(),
        param=param,
        code="unsupported_value",
    )


def only_with(param: str, needed: str) -> RequestError:
    """The error for a parameter that means nothing unless another is true."""
    return RequestError(
        f"The '{param}' parameter is only allowed when '{needed}' is enabled.", param=param
    )


def needing(param: str, needed: str) -> RequestError:
    """The error for a parameter that means nothing unless the array `needed` is given."""
    return RequestError(
        f"Invalid value for '{param}': '{param}' is only allowed when '{needed}' are specified.",
        param=param,
    )


def not_among(param: str, value: Any, supported: Sequence[str]) -> RequestError:
    """The error for a value that is none of the supported ones."""
    if not isinstance(value, str):
        return wrong_type(param, "a string", value)
    return RequestError(
        f"Invalid value: '{value}'. Supported values are: {listed(supported)}.",
        param=param,
        code="invalid_value",
    )


def empty_array(param: str) -> RequestError:
    """The error for an array that must have elements."""
    return RequestError(
        f"Invalid '{param}': empty array. Expected an array with minimum length 1, "
        "but got an empty array instead.",
        param=param,
        code="empty_array",
    )


def long_array(param: str, limit: int, length: int) -> RequestError:
    """The error for an array with too many elements."""
    return RequestError(
        f"Invalid '{param}': array too long. Expected an array with maximum length {limit}, "
        f"but got an array with length {length} instead.",
        param=param,
        code="array_above_max_length",
    )


def wrong_type(param: str, expected: str, value: Any) -> RequestError:
    """The error for a value of another type than `expected` ("a string")."""
    return RequestError(
        f"Invalid type for '{param}': expected {expected}, but got {_kind(value)} instead.",
        param=param,
        code="invalid_type",
    )


def listed(names: Sequence[str]) -> str:
    """`'a', 'b', and 'c'`."""
    *others, last = [f"'{name}'" for name in names]
    comma = "," if len(others) > 1 else ""
    return f"{', '.join(others)}{comma} and {last}" if others else last


def _told(error: ErrorDetails, under: str = "") -> RequestError:
    """The error for a finding; `under` is the path of what was looked at."""
    if error["loc"] and error["loc"][-1] == "[key]":
        return _long_name(_path(error["loc"][:-2], under), error)
    param = _path(error["loc"], under)
    kind, value, context = error["type"], error["input"], error.get("ctx", {})
    if kind == REFUSED:
        refused: RequestError = context["error"]
        return refused
    if kind == "missing":
        return missing(param)
    if kind == "extra_forbidden":
        return unknown(param)
    if kind in _TYPES:
        return wrong_type(param, _TYPES[kind], value)
    if kind in _BOUNDS:
        return _BOUNDS[kind](param, value, context)
    if kind == "literal_error":
        return not_among(param, value, re.findall("'([^']*)'", context["expected"]))
    return RequestError(f"Invalid '{param}': {error['msg']}.", param=param, code="invalid_value")


def _long_name(param: str, error: ErrorDetails) -> RequestError:
    limit = error.get("ctx", {}).get("max_length")
    return RequestError(
        f"Invalid '{param}': property name too long. Expected names with maximum length {limit}.",
        param=param,
        code="property_name_above_max_length",
    )


_TYPES = {
    "string_type": "a string",
    "int_type": "an integer",
    "int_from_float": "an integer",
    "float_type": "a decimal",
    "bool_type": "a boolean",
    "list_type": "an array",
    "objects_type": "an array of objects",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
    "string_or_parts": "one of a string or array of objects",
    "string_or_strings": "one of a string or array of strings",
}


def out_of_range(
    param: str, side: Literal["below", "above"], limit: float, value: float
) -> RequestError:
    """The error for a number on that side of a limit."""
    word, sign = {"below": ("minimum", ">="), "above": ("maximum", "<=")}[side]
    kind = "integer" if isinstance(limit, int) else "decimal"
    return RequestError(
        f"Invalid '{param}': {kind} {side} {word} value. "
        f"Expected a value {sign} {limit:.12g}, but got {value} instead.",
        param=param,
        code=f"{kind}_{side}_{word[:3]}_value",
    )


def _long_string(param: str, value: str, context: dict[str, Any]) -> RequestError:
    limit = context["max_length"]
    return RequestError(
        f"Invalid '{param}': string too long. Expected a string with maximum length {limit}, "
        f"but got a string with length {len(value)} instead.",
        param=param,
        code="string_above_max_length",
    )


def _empty_string(param: str) -> RequestError:
    return RequestError(
        f"Invalid '{param}': empty string. Expected a string with minimum length 1, "
        "but got an empty string instead.",
        param=param,
        code="empty_string",
    )


def _unlike(param: str, pattern: str) -> RequestError:
    return RequestError(
        f"Invalid '{param}': string does not match pattern. "
        f"Expected a string that matches the pattern '{pattern}'.",
        param=param,
        code="invalid_value",
    )


_BOUNDS: dict[str, Callable[[str, Any, dict[str, Any]], RequestError]] = {
    "greater_than_equal": lambda param, value, ctx: out_of_range(param, "below", ctx["ge"], value),
    "less_than_equal": lambda param, value, ctx: out_of_range(param, "above", ctx["le"], value),
    "too_long": lambda param, value, context: long_array(param, context["max_length"], len(value)),
    "string_too_long": _long_string,
    "too_short": lambda param, *_: empty_array(param),
    "string_too_short": lambda param, *_: _empty_string(param),
    "string_pattern_mismatch": lambda param, _, context: _unlike(param, context["pattern"]),
}


def _path(location: Sequence[int | str], under: str = "") -> str:
    """`messages[0].content`; the names of union branches are left away."""
    path = under
    for step in location:
        if isinstance(step, int):
            path += f"[{step}]"
        elif step not in BRANCHES:
            path += f".{step}" if path else step
    return path


def _distance(one: str, other: str) -> int:
    """How many characters have to be added, removed, replaced or swapped with the next."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, here in enumerate(one, 1):
        below = [i]
        for j, there in enumerate(other, 1):
            steps = min(below[-1] + 1, row[j] + 1, row[j - 1] + (here != there))
            if i > 1 and j > 1 and one[i - 2] == there and here == other[j - 2]:
                steps = min(steps, before[j - 2] + 1)
            below.append(steps)
        before, row = row, below
    return row[-1]


def _kind(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int():
            return "an integer"
        case float():
            return "a decimal number"
        case str():
            return "a string"
        case list():
            return "an array"
        case _:
            return "an object"
