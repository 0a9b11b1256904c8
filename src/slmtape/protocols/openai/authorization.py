"""API keys: asked for only where a server was given one."""

from slmtape.errors import RequestError


def check(header: str | None, api_key: str) -> None:
    """Raises RequestError unless the `Authorization` header has this key."""
    scheme, _, given = (header or "").strip().partition(" ")
    if scheme.lower() != "bearer" or not given.strip():
        raise RequestError(
            "You didn't provide an API key. You need to provide your API key in an Authorization "
            "header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY): the one that the "
            "server was started with.",
            status=401,
        )
    if given.strip() != api_key:
        raise RequestError(
            f"Incorrect API key provided: {_masked(given.strip())}. This server was started with "
            "another one.",
            code="invalid_api_key",
            status=401,
        )


def _masked(key: str) -> str:
    """A key as it may be shown: its beginning and its end."""
    return key if len(key) < 12 else f"{key[:4]}{'*' * (len(key) - 8)}{key[-4:]}"
