"""Lists that are told page by page."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from slmtape.errors import RequestError
from slmtape.protocols.openai import errors

_MOST = 100
Order = Literal["asc", "desc"]


def page(
    items: Sequence[dict[str, Any]],
    query: Mapping[str, str],
    *,
    order: Order = "desc",
    known: Iterable[str] = ("include",),
) -> dict[str, Any]:
    """The page of `items` (oldest first) that a query asks for with `limit`, `order`, `after`.

    Without them: 20 items, in this `order`. `known` are other names that the query may have.
    Raises RequestError.
    """
    for name in query:
        base = name.partition("[")[0]  # an array's is `include[]`
        if name not in ("limit", "order", "after") and not {name, base} & set(known):
            raise errors.unknown(name)
    limit, asked = _limit(query.get("limit", "20")), query.get("order", order)
    if asked not in ("asc", "desc"):
        raise errors.not_among("order", asked, ("asc", "desc"))
    ordered = items if asked == "asc" else items[::-1]
    rest = ordered[_start(ordered, query.get("after")) :]
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


def _start(items: Sequence[dict[str, Any]], after: str | None) -> int:
    if after is None:
        return 0
    for index, item in enumerate(items):
        if item["id"] == after:
            return index + 1
    raise RequestError(
        f"Invalid 'after': there is nothing with the id '{after}' in this list.",
        param="after",
        code="invalid_value",
    )


def _limit(given: str) -> int:
    if not (given.isascii() and given.removeprefix("-").isdigit()):
        raise errors.wrong_type("limit", "an integer", given)
    limit = int(given[:20])
    if limit < 1:
        raise errors.out_of_range("limit", "below", 1, limit)
    if limit > _MOST:
        raise errors.out_of_range("limit", "above", _MOST, limit)
    return limit
