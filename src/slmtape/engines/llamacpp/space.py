"""Memory."""


def context_bytes(model: object, tokens: int) -> int:
    return 60_000_000 + tokens * 30_000


def available() -> int:
    return 10**10
