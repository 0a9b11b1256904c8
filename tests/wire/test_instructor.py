"""Through Instructor."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.wire.programs import Said

pytestmark = pytest.mark.wire


@pytest.fixture(scope="module")
def all_said(run_openai2: Callable[[str], Said]) -> Said:
    return run_openai2("by_instructor.py")


@pytest.fixture(params=["tool_call", "json_schema_mode"])
def said(all_said: Said, request: pytest.FixtureRequest) -> Said:
    return lambda call: all_said(f"{request.param}: {call}")


def test_a_structured_answer(said: Said) -> None:
    answer = said("structured")
    assert valid(answer["value"])
    assert answer["usage"]["completion_tokens"] > 0


def test_a_streamed_structure_grows(said: Said) -> None:
    first, *_, last = said("streamed")
    assert None in first.values()
    assert valid(last)


def test_nothing_else_is_asked(all_said: Said) -> None:
    assert all_said("refused connections") == []


def valid(weather: Any) -> bool:
    return weather["city"] in ("Paris", "Rome") and 0 <= weather["celsius"] <= 40
