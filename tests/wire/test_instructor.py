"""Through Instructor."""

from collections.abc import Callable

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
    assert answer["value"]["city"] in ("Paris", "Rome")
    assert 0 <= answer["value"]["celsius"] <= 40
    assert answer["usage"]["completion_tokens"] > 0


def test_a_streamed_structure_grows_to_the_plain_one(said: Said) -> None:
    partials = said("streamed")
    assert len(partials) > 1
    assert partials[-1] == said("structured")["value"]


def test_nothing_else_is_asked(all_said: Said) -> None:
    assert all_said("refused connections") == []
