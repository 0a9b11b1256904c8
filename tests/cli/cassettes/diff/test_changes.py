"""What changed between two sets of recordings."""

from collections.abc import Mapping
from dataclasses import replace

from slmtape.cli.cassettes.diff.changes import Change, Kind, changes
from slmtape.generation import (
    EmbeddingRequest,
    EmbeddingResult,
    GenerationResult,
    Piece,
    Recording,
    Request,
)
from slmtape.keys import key
from slmtape.stores.cassettes import recording_file
from tests.support import MODEL, recording_for, request_for


def side(*recordings: Recording) -> dict[str, bytes]:
    """Their files, by name."""
    return {recording_file.file_name(one): recording_file.write(one).encode() for one in recordings}


def kinds(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> list[Kind]:
    return [change.kind for change in changes(before, after)]


def only(before: Recording, after: Recording) -> Change:
    [change] = changes(side(before), side(after))
    return change


def of_model(request: Request, name: str) -> Recording:
    request = replace(request, model=name)
    made = recording_for(request_for("x"))
    return replace(made, key=key(request), model=replace(MODEL, name=name), request=request)


def test_what_is_the_same_is_not_told() -> None:
    recordings = [recording_for(request_for(text)) for text in ("one", "two")]
    assert changes(side(*recordings), side(*recordings)) == []
    assert changes({}, {}) == []


def test_what_came_and_went_is_told_as_that() -> None:
    one, other = recording_for(request_for("what is blue")), recording_for(request_for("and now"))
    assert kinds({}, side(one)) == [Kind.ADDED]
    assert kinds(side(one), {}) == [Kind.REMOVED]
    assert kinds(side(one), side(other)) == [Kind.REMOVED, Kind.ADDED]


def test_another_answer_is_a_change() -> None:
    request = request_for("hello")
    change = only(recording_for(request, "good", " day"), recording_for(request, "good", " night"))
    assert (change.kind, change.request) == (Kind.CHANGED, [])
    assert [str(one) for one in change.answer] == ["text: 'good day' → 'good night'"]


def test_what_is_only_cut_differently_is_told_as_that() -> None:
    request = request_for("hello")
    change = only(recording_for(request, "good day"), recording_for(request, "good", " day"))
    assert [str(one) for one in change.answer] == ["pieces: 'cut one way' → 'cut another way'"]


def test_what_an_answer_was_made_with_is_told_beside_it() -> None:
    one = recording_for(request_for("hello"))
    change = only(one, replace(one, made_with={"engine": "echo 2"}))
    assert change.answer == []
    assert [str(each) for each in change.made_with] == ["engine: 'echo' → 'echo 2'"]


def test_a_request_that_changed_a_little_was_recorded_again() -> None:
    before = recording_for(request_for("What is the capital of France"))
    after = recording_for(request_for("What is the capital of France?"), "Paris")
    change = only(before, after)
    assert change.kind is Kind.RERECORDED
    assert [one.path for one in change.request] == ["messages[0].content"]
    assert [one.path for one in change.answer] == ["text"]


def test_those_that_are_nearest_are_taken_together() -> None:
    texts = ["Is the sky blue today", "Is the sea blue today", "Name a large city"]
    before = [recording_for(request_for(text)) for text in texts]
    after = [recording_for(request_for(text, max_tokens=9)) for text in texts]
    found = changes(side(*before), side(*after))
    assert [change.kind for change in found] == [Kind.RERECORDED] * 3
    assert all([one.path for one in change.request] == ["max_tokens"] for change in found)


def test_another_name_of_the_model_is_a_change_of_the_request() -> None:
    requests = [request_for(f"question {number}") for number in range(700)]
    before = [of_model(request, "one") for request in requests]
    after = [of_model(request, "other") for request in requests]
    found = changes(side(*before), side(*after))
    assert {change.kind for change in found} == {Kind.RERECORDED}
    assert all([one.path for one in change.request] == ["model"] for change in found)


def test_an_embedding_and_an_answer_are_never_taken_together() -> None:
    text = "the same words"
    request = EmbeddingRequest(model="echo", input=text)
    result = EmbeddingResult(vector=(1.0, 0.0), prompt_tokens=3)
    answer = recording_for(request_for(text))
    vector = replace(answer, key=key(request), request=request, result=result)
    assert kinds(side(vector), side(answer)) == [Kind.REMOVED, Kind.ADDED]
    other = replace(vector, result=replace(result, vector=(0.0, 1.0)))
    assert [str(one) for one in only(vector, other).answer] == [
        "embedding: 'numbers' → 'other numbers'"
    ]


def test_a_file_that_moved_or_was_formatted_is_the_same() -> None:
    [(name, text)] = side(recording_for(request_for("hello"))).items()
    assert changes({name: text}, {f"other/{name}": text}) == []
    assert changes({name: text}, {name: text.replace(b"  ", b" ")}) == []


def test_a_damaged_file_is_told_and_hides_nothing_else() -> None:
    [(name, text)] = side(recording_for(request_for("hello"))).items()
    other = side(recording_for(request_for("other things")))
    assert kinds({name: text}, {name: b"<<<<<<< {", **other}) == [Kind.DAMAGED, Kind.ADDED]
    [change, _] = changes({name: text}, {name: b"<<<<<<< {", **other})
    assert isinstance(change.found.recording, str)
    assert "conflict markers" in change.found.recording
    assert kinds({name: b"\xff"}, {name: text}) == [Kind.ADDED]


def test_differences_in_what_is_called_are_told_by_argument() -> None:
    request = request_for('call f {"city":"Paris","days":1}')
    before = recording_for(request)

    def calling(arguments: str) -> Recording:
        assert isinstance(before.result, GenerationResult)
        pieces = (Piece("f", "call"), Piece(arguments, "arguments"))
        return replace(before, result=replace(before.result, pieces=pieces))

    change = only(calling('{"city":"Paris","days":1}'), calling('{"city":"Rome","days":1}'))
    assert [str(one) for one in change.answer] == ["tool_calls[0].arguments.city: 'Paris' → 'Rome'"]
