"""What OpenAI has and this server has not: asked for, it says so by name."""

from slmtape.errors import RequestError

_FAMILIES = {
    "assistants": "Assistants",
    "audio": "Audio",
    "batches": "Batches",
    "containers": "Containers",
    "evals": "Evals",
    "files": "Files",
    "fine_tuning": "Fine-tuning",
    "images": "Images",
    "moderations": "Moderations",
    "organization": "Administration",
    "realtime": "Realtime",
    "threads": "Assistants",
    "uploads": "Uploads",
    "vector_stores": "Vector stores",
    "videos": "Videos",
}
"""The first part of a path behind `/v1/`, and what the API behind it is called."""


def refusal(method: str, path: str) -> RequestError | None:
    """The error for a path of an API that OpenAI has and this server has not; None: no such API."""
    _, _, behind = path.partition("/v1/")
    name = _FAMILIES.get(behind.partition("/")[0])
    if name is None:
        return None
    return RequestError(
        f"{method} {path} is not served by slmtape: it has no {name} API, only models that say "
        "text. Give the client that needs it the base URL of another server, or replace that "
        "client in the test.",
        code="unsupported_endpoint",
    )
