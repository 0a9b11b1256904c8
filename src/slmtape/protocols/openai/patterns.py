"""Regular expressions in schemas: those that mean the same wherever they are read."""

import re
from itertools import pairwise
from math import prod

_ESCAPED = (
    r"\\(?:[dDwWsStnrfv]|[^\w\s<>]|_|\ |x[0-9a-fA-F]{2}|u(?![dD][89a-fA-F])[0-9a-fA-F]{4}"
    r"|[pP]\{[A-Za-z=_]+\})"
)
_PART = re.compile(
    rf"""
      (?P<open>\((?:\?:|\?P?<[A-Za-z_][A-Za-z0-9_]*>|(?!\?)))
    | (?P<close>\))
    | (?P<begin>\^)
    | (?P<end>\$)
    | (?P<either>\|)
    | (?P<times>(?:[*+?]|\{{[0-9]{{1,4}}(?:,(?:[0-9]{{1,4}})?)?\}})\??)
    | (?P<one>
          {_ESCAPED}
        | \[(?!\^?\])\^?(?:(?!&&|--|~~|\|\|)(?:{_ESCAPED}|[^\\\[\]]))+\]
        | [^\\\[\](){{}}|^$*+?]
      )
    """,
    re.VERBOSE,
)
_MOST = 100_000
"""Times that anything may be repeated, all in all."""


def mistake(pattern: str) -> str | None:
    """What is wrong with a pattern, as words that follow it; None where it can be honoured.

    It is one that JavaScript, Python and llguidance read alike: no assertions but `^` at the
    beginning and `$` at the end, both outside groups; no references to groups, no flags.
    """
    parts: list[tuple[str, str]] = []
    at = 0
    while at < len(pattern):
        part = _PART.match(pattern, at)
        if part is None:
            return f"has something at position {at} that this server does not support"
        parts.append((part.lastgroup or "", part[0]))
        at = part.end()
    return _order(parts) or _counts(parts) or _invalid(parts)


def _order(parts: list[tuple[str, str]]) -> str | None:
    """What is wrong with where the parts stand."""
    depth = 0
    kinds = ["either", *(kind for kind, _ in parts), "either"]
    for before, kind in pairwise(kinds):
        depth += (kind == "open") - (kind == "close")
        if kind == "begin" and (before != "either" or depth):
            return "has a '^' that is not at the beginning"
        if before == "end" and (kind != "either" or depth):
            return "has a '$' that is not at the end"
        if kind == "times" and before not in ("one", "close"):
            return "repeats what can't be repeated"
    return None


def _counts(parts: list[tuple[str, str]]) -> str | None:
    """Whether it repeats too much."""
    times = [re.findall(r"[0-9]+", text) for kind, text in parts if kind == "times"]
    if prod(max(1, *map(int, counts)) for counts in times if counts) > _MOST:
        return f"repeats more than {_MOST} times"
    return None


def _invalid(parts: list[tuple[str, str]]) -> str | None:
    """What Python finds wrong: with groups, ranges, counts."""
    spelled = []
    for kind, text in parts:
        if kind == "open" and text.startswith("(?<"):
            text = f"(?P{text[2:]}"
        spelled.append(re.sub(r"\\[pP]\{[^}]*\}", "x", text))
    try:
        re.compile("".join(spelled))
    except (re.error, RecursionError, OverflowError) as error:
        return f"is not a valid regular expression: {error}"
    return None
