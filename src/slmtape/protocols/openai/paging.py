"""Lists that clients read page by page."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from slmtape.errors import RequestError
from slmtape.protocols.openai import errors

_MOST = 100


def page(
    items: Sequence[Mapping[str, Any]],
    query: Mapping[str, str],
    *,
    order: Literal["asc", "desc"] = "asc",
    known: Iterable[str] = (),
) -> dict[str, Any]:
    """The page of `items`, oldest first, that `limit`, `order` and `after` ask for.

    `order` is the one that is not asked for. `known` are the other names a query may have. Raises
    RequestError.
    """
    for name in query:
        if name not in ("limit", "order", "after", *known):
            raise errors.unknown(name)
    asked = query.get("order", order)
    if asked not in ("asc", "desc"):
        raise errors.not_among("order", asked, ("asc", "desc"))
    ordered = list(items) if asked == "asc" else list(reversed(items))
    rest = ordered[_start(ordered, query.get("after")) :]
    limit = _limit(query.get("limit", "20"))
    shown = rest[:limit]
    return {
        "object": "list",
        "data": shown,
        "first_id": shown[0]["id"] if shown else None,
        "last_id": shown[-1]["id"] if shown else None,
        "has_more": len(rest) > limit,
    }


def _start(items: Sequence[Mapping[str, Any]], after: str | None) -> int:
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
