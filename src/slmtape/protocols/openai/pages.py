"""Lists that are told page by page."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from slmtape.errors import RequestError
from slmtape.protocols.openai import errors

_NAMES = ("after", "include", "limit", "order")


def page(items: Sequence[dict[str, Any]], query: Mapping[str, str]) -> dict[str, Any]:
    """The page of `items` (oldest first) that a query asks for: 20 of them, newest first.

    It may have `limit`, `order` and `after`, the id of the item that comes before the page.
    Raises RequestError.
    """
    for name in query:
        if name.partition("[")[0] not in _NAMES:
            raise errors.unknown(name)
    limit, order = _limit(query.get("limit", "20")), _order(query.get("order", "desc"))
    ordered = items if order == "asc" else items[::-1]
    rest = ordered[_after(ordered, query.get("after")) :]
    return listing(rest[:limit], has_more=len(rest) > limit)


def listing(items: Sequence[dict[str, Any]], *, has_more: bool = False) -> dict[str, Any]:
    """The items as a list object."""
    return {
        "object": "list",
        "data": list(items),
        "first_id": items[0]["id"] if items else None,
        "last_id": items[-1]["id"] if items else None,
        "has_more": has_more,
    }


def _limit(given: str) -> int:
    if not given.isascii() or not given.isdecimal() or len(given) > 9:
        raise errors.wrong_type("limit", "an integer", given)
    limit = int(given)
    if not 1 <= limit <= 100:
        word, side, sign, bound = (
            ("below", "minimum", ">=", 1) if limit < 1 else ("above", "maximum", "<=", 100)
        )
        raise RequestError(
            f"Invalid 'limit': integer {word} {side} value. "
            f"Expected a value {sign} {bound}, but got {limit} instead.",
            param="limit",
            code=f"integer_{word}_{side[:3]}_value",
        )
    return limit


def _order(given: str) -> Literal["asc", "desc"]:
    if given not in ("asc", "desc"):
        raise errors.not_among("order", given, ("asc", "desc"))
    return "asc" if given == "asc" else "desc"


def _after(items: Sequence[dict[str, Any]], after: str | None) -> int:
    """Where the page begins."""
    if after is None:
        return 0
    for index, item in enumerate(items):
        if item["id"] == after:
            return index + 1
    raise RequestError(f"Item with id '{after}' not found.", param="after")
