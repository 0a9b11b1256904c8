"""What OpenAI has and this server has not: asked for, it says so by name."""

import re

from slmtape.errors import RequestError

UNSERVED = frozenset(
    [
        *("agents", "assistants", "audio", "batches", "chatkit", "containers"),
        *("content_provenance_checks", "decisions", "evals", "files", "fine_tuning", "images"),
        *("live", "moderations", "organization", "realtime", "safety", "skills", "threads"),
        *("uploads", "vector_stores", "videos"),
    ]
)
"""The first parts of paths, behind `/v1/`."""

_PARTS = {
    "POST responses/compact": "compaction of responses",
    "DELETE models/.+": "deletion of models",
}
"""Of APIs that are served: the methods and paths that are not, and what they would do."""


def refusal(method: str, path: str) -> RequestError | None:
    """The error for what OpenAI has and this server has not; None: OpenAI hasn't got it either."""
    _, _, behind = path.partition("/v1/")
    what = _lack(method, behind)
    if what is None:
        return None
    return RequestError(
        f"{method} {path} is not served by slmtape: it has no {what}, only "
        "models that say text. Give the client that needs it the base URL of another server, or "
        "replace that client in the test.",
        code="unsupported_endpoint",
    )


def _lack(method: str, behind: str) -> str | None:
    """What an endpoint would need that is not here; None: nothing."""
    family = behind.partition("/")[0]
    if family in UNSERVED:
        return family.replace("_", " ")
    asked = f"{method} {behind}"
    return next((what for part, what in _PARTS.items() if re.fullmatch(part, asked)), None)
