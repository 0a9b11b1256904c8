"""Bounds that let an answer end: of strings, of numbers, and of the names in a map."""

import re
import string
from collections.abc import Collection
from math import inf, prod
from typing import Any

from slmtape.engines.llamacpp.formats import FORMATS

_MATCH = 64
"""Characters of a string with a pattern at most, where the pattern needs no more."""

_LONGEST_MATCH = 2000
"""A pattern that may need more characters than these is left alone."""

_KNOWN = (
    *("date-time", "date", "time", "duration", "email", "hostname", "ipv4", "ipv6", "uri", "uuid"),
)
"""What llguidance knows itself, at any length."""

_WIDE = re.compile(r"\\[pPu]")

_EXACT = 2**53 - 1
"""Beyond it a double doesn't tell one integer from the next."""

_DECIMALS = 0.0001
_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")


def text(said: dict[str, Any], most: float) -> dict[str, Any]:
    """The keywords of a string, at most so many characters long where it can be."""
    least, given = said.get("minLength", 0), said.get("maxLength", inf)
    form = FORMATS.get(said.get("format", ""))
    if form and "pattern" not in said and least <= form.shortest and form.longest <= given:
        return {"pattern": form.pattern}
    bounded: dict[str, Any] = {"minLength": least} if least else {}
    if "pattern" in said:
        bounded["pattern"] = said["pattern"]
        most = _needed(said["pattern"], least)
    elif said.get("format") in _KNOWN:
        bounded["format"] = said["format"]
    longest = min(given, max(least, most))
    return bounded if longest == inf else {**bounded, "maxLength": longest}


def number(said: dict[str, Any], *, decimals: bool) -> dict[str, Any]:
    """The keywords of a number: one that a double holds, with four decimals at most."""
    bounded: dict[str, Any] = {
        keyword: said[keyword] for keyword in _BOUNDS if abs(said.get(keyword, inf)) <= _EXACT
    }
    low = max(bounded.get("minimum", -inf), bounded.get("exclusiveMinimum", -inf))
    high = min(bounded.get("maximum", inf), bounded.get("exclusiveMaximum", inf))
    if low == -inf:
        bounded["minimum"] = -_EXACT
    if high == inf:
        bounded["maximum"] = _EXACT
    if "multipleOf" in said:
        bounded["multipleOf"] = said["multipleOf"]
    elif decimals and high - low > 10 * _DECIMALS:
        bounded["multipleOf"] = _DECIMALS
    return bounded


def names(listed: Collection[str]) -> str | None:
    """A pattern of plain names that are none of those listed; None: there is none so simple."""
    first = "".join(sorted(set(string.ascii_letters) - {name[:1] for name in listed}))
    return f"^[{first}][A-Za-z0-9_-]{{0,30}}$" if first else None


def _needed(pattern: str, least: int) -> float:
    """Characters that are enough for some match of a pattern with at least so many."""
    if not pattern.startswith("^") and (not pattern.isascii() or _WIDE.search(pattern)):
        return inf  # llguidance can't tell whether that leaves anything
    counts = prod(max(1, int(count)) for count in re.findall(r"\{([0-9]{1,9})", pattern))
    needed = max(_MATCH, len(pattern) * counts + least)
    return needed if needed <= _LONGEST_MATCH else inf
