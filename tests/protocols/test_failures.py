"""The errors that a test can ask for, in OpenAI's words."""

import pytest

from slmtape.protocols.openai import errors
from slmtape.protocols.openai.failures import failure, failure_headers


@pytest.mark.parametrize(
    ("status", "code", "told"),
    [
        (400, None, ("invalid_request_error", None)),
        (401, None, ("invalid_request_error", "invalid_api_key")),
        (403, None, ("request_forbidden", "unsupported_country_region_territory")),
        (404, None, ("invalid_request_error", "model_not_found")),
        (409, None, ("invalid_request_error", "conflict")),
        (413, None, ("invalid_request_error", "request_too_large")),
        (422, None, ("invalid_request_error", "unprocessable_entity")),
        (429, None, ("requests", "rate_limit_exceeded")),
        (429, "insufficient_quota", ("insufficient_quota", "insufficient_quota")),
        (429, "slow_down", ("requests", "slow_down")),
        (500, None, ("server_error", "server_error")),
        (503, None, ("server_error", "service_unavailable")),
        (529, None, ("server_error", "server_error")),
        (418, None, ("invalid_request_error", None)),
    ],
)
def test_a_status_has_its_type_and_code(
    status: int, code: str | None, told: tuple[str, str | None]
) -> None:
    error = failure(status, code)
    assert (error.status, error.type, error.code) == (status, *told)
    assert error.message
    assert errors.body(error).startswith(b'{"error": {"message": "')


def test_each_error_is_one_of_its_own() -> None:
    error = failure(500, None)
    error.message = "mine"
    assert failure(500, None).message != "mine"


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (None, (None, None, "1s")),
        (0.02, ("1", "20", "20ms")),
        (1.5, ("2", "1500", "1.5s")),
        (60, ("60", "60000", "1m0s")),
        (375, ("375", "375000", "6m15s")),
    ],
)
def test_a_rate_limit_tells_how_long_to_wait(
    after: float | None, told: tuple[str | None, ...]
) -> None:
    headers = failure_headers(429, after)
    names = ("retry-after", "retry-after-ms", "x-ratelimit-reset-requests")
    assert tuple(map(headers.get, names)) == told
    assert headers["x-ratelimit-remaining-requests"] == "0"


def test_other_errors_tell_it_only_where_it_is_known() -> None:
    assert failure_headers(503, None) == {}
    assert failure_headers(503, 2) == {"retry-after": "2", "retry-after-ms": "2000"}
