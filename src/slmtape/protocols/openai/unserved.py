"""What OpenAI has and this server has not: asked for, it says so by name."""

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


def refusal(method: str, path: str) -> RequestError | None:
    """The error for a path of an API that OpenAI has and this server has not; None: no such API."""
    _, _, behind = path.partition("/v1/")
    family = behind.partition("/")[0]
    if family not in UNSERVED:
        return None
    return RequestError(
        f"{method} {path} is not served by slmtape: it has no {family.replace('_', ' ')}, only "
        "models that say text. Give the client that needs it the base URL of another server, or "
        "replace that client in the test.",
        code="unsupported_endpoint",
    )
