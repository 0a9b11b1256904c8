"""Which recording is meant, and how the difference reads."""

from hypothesis import given

from slmtape.nearest import differences, nearest
from tests.support import request_for
from tests.test_keys import REQUESTS


def test_nothing_recorded_has_no_nearest() -> None:
    assert nearest(request_for(), {}) is None


@given(REQUESTS, REQUESTS)
def test_a_request_that_is_recorded_is_its_own_nearest(one: object, other: object) -> None:
    found = nearest(one, {"other": other, "same": one})  # type: ignore[dict-item,arg-type]
    assert found is not None
    assert found[1] == one


@given(REQUESTS, REQUESTS)
def test_requests_differ_in_something_exactly_where_they_are_not_equal(
    one: object, other: object
) -> None:
    assert bool(differences(one, other)) == (one != other)  # type: ignore[arg-type]


def test_a_long_text_is_shown_where_it_differs() -> None:
    before = request_for("word " * 100 + "old end")
    after = request_for("word " * 100 + "new end")
    [line] = differences(after, before)
    assert line == (
        "messages[0].content: …'word word word word old end' → …'word word word word new end'"
    )


def test_the_nearest_is_the_one_with_the_same_words_and_then_the_same_characters() -> None:
    def found(asked: str, *recorded: str) -> str:
        nearest_one = nearest(request_for(asked), {text: request_for(text) for text in recorded})
        assert nearest_one is not None
        return nearest_one[0]

    assert found("hello world foo", "world hello oof", "hello world foo bar") == (
        "hello world foo bar"
    )
    questions = [f"Question {number}: please summarize this" for number in range(30)]
    assert found("Question 5: please summarize", *questions) == questions[5]
    chapters = [f"Tell me about chapter {number}" for number in (12, 2, 211)]
    assert found("Tell me about chapter 21", *chapters) == "Tell me about chapter 211"


def test_a_changed_setting_is_found_before_a_changed_text() -> None:
    recorded = {"same text": request_for("hi", max_tokens=5), "other": request_for("ho")}
    found = nearest(request_for("hi"), recorded)
    assert found is not None
    assert found[0] == "same text"
