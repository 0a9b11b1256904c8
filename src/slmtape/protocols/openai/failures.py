"""The errors that OpenAI's servers give with a status, for tests that ask for one."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from slmtape.errors import SlmtapeError


@dataclass(frozen=True, slots=True)
class _Words:
    """How an error is told."""

    message: str
    type: str = "invalid_request_error"
    code: str | None = None


_SORRY = "The server had an error while processing your request. Sorry about that!"
_QUOTA = _Words(
    "You exceeded your current quota, please check your plan and billing details. For more "
    "information on this error, read the docs: "
    "https://platform.openai.com/docs/guides/error-codes/api-errors.",
    "insufficient_quota",
    "insufficient_quota",
)
_USUAL = {
    401: _Words(
        "Incorrect API key provided: slmtape. You can find your API key at "
        "https://platform.openai.com/account/api-keys.",
        code="invalid_api_key",
    ),
    403: _Words(
        "Country, region, or territory not supported",
        "request_forbidden",
        "unsupported_country_region_territory",
    ),
    404: _Words(
        "The model does not exist or you do not have access to it.", code="model_not_found"
    ),
    408: _Words("Request timed out.", "timeout", "request_timeout"),
    409: _Words("The resource was updated by another request. Please try again.", code="conflict"),
    413: _Words("The request body is too large.", code="request_too_large"),
    422: _Words("The request could not be processed.", code="unprocessable_entity"),
    429: _Words(
        "Rate limit reached for requests. Please try again later.",
        "requests",
        "rate_limit_exceeded",
    ),
    503: _Words(
        "The engine is currently overloaded, please try again later.",
        "server_error",
        "service_unavailable",
    ),
}
_SERVER = _Words(_SORRY, "server_error", "server_error")
_CLIENT = _Words("The request is not valid.")


def failure(status: int, code: str | None) -> SlmtapeError:
    """The error with this status; `code` is another than the usual one."""
    words = _USUAL.get(status, _SERVER if status >= 500 else _CLIENT)
    if status == 429 and code == _QUOTA.code:
        words = _QUOTA
    error = SlmtapeError(words.message)
    error.status = status
    error.type = words.type
    error.code = code or words.code
    return error


def failure_headers(status: int, retry_after: float | None) -> Mapping[str, str]:
    """What such an error tells of trying again: `retry_after` is in seconds."""
    told = {}
    if retry_after is not None:
        told["retry-after"] = str(math.ceil(retry_after))
        told["retry-after-ms"] = str(round(1000 * retry_after))
    if status == 429:
        told["x-ratelimit-remaining-requests"] = "0"
        told["x-ratelimit-reset-requests"] = _duration(retry_after or 1.0)
    return told


def _duration(seconds: float) -> str:
    """As Go writes it: `20ms`, `1s`, `6m0s`."""
    if seconds < 1:
        return f"{round(1000 * seconds)}ms"
    minutes, rest = divmod(round(seconds, 3), 60)
    return f"{minutes:.0f}m{rest:g}s" if minutes else f"{rest:g}s"
