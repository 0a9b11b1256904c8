"""Which of many imported recordings are kept."""

from dataclasses import replace

from slmtape.generation import Recording, Result
from slmtape.importing import Left
from slmtape.importing.collecting import kept
from slmtape.importing.exchanges import Imported
from tests.support import recording_for, request_for


def imported(text: str, *answer: str) -> Imported:
    return Imported("1", recording_for(request_for(text), *answer))


def test_each_request_is_kept_once() -> None:
    known: dict[str, Result] = {}
    first, again, other = imported("a"), imported("a"), imported("b")
    assert list(kept([first, again, other], known)) == [first.recording, again, other.recording]
    assert list(known) == [first.recording.key, other.recording.key]


def test_another_answer_to_the_same_request_is_a_complaint() -> None:
    [first, left] = kept([imported("a  b\n" * 30, "one"), imported("a  b\n" * 30, "two")], {})
    assert isinstance(first, Recording)
    assert isinstance(left, Left)
    assert left.what.startswith("the answer to 'a b a b ")
    assert left.what.endswith("…'")


def test_what_is_known_is_passed_over_and_complaints_go_through() -> None:
    one = imported("a")
    left = Left("2", "x", "y")
    assert list(kept([one, left], {one.recording.key: one.recording.result})) == [one, left]


def test_what_a_file_can_not_hold_is_a_complaint() -> None:
    half = imported("a", "half a character: \ud83d")
    [left] = kept([half], {})
    assert isinstance(left, Left)
    assert "A recording can't hold it" in left.why
    wrong = Imported("1", replace(imported("a").recording, key="0" * 16))
    [left] = kept([wrong], {})
    assert isinstance(left, Left)
