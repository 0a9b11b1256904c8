"""A recording as text: everything in it comes back, and stays when the text is edited elsewhere."""

import json
import struct
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmtape.generation import (
    EmbeddingRequest,
    EmbeddingResult,
    GenerationResult,
    Piece,
    Recording,
    Result,
    Token,
)
from slmtape.keys import key
from slmtape.stores.cassettes.recording_file import (
    file_name,
    read,
    read_result,
    write,
    write_result,
)
from tests.support import MODEL, recording_for, request_for

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
LOGPROBS = st.floats(-50, 0)
TOPS = st.lists(st.tuples(st.binary(max_size=4), LOGPROBS), max_size=3).map(tuple)
THOUGHTS = st.builds(Piece, TEXT, st.just("reasoning"))
REFUSALS = st.builds(Piece, TEXT, st.just("refusal"))
ARGUMENTS = st.dictionaries(TEXT, TEXT | st.integers() | st.floats(allow_nan=False)).map(
    lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":"))
)


@st.composite
def words(draw: st.DrawFn, *, told: bool) -> Piece:
    """A piece of text, with its tokens, which may end within characters."""
    text = draw(TEXT)
    raw = text.encode()
    cut = draw(st.integers(0, len(raw)))
    parts = [part for part in (raw[:cut], raw[cut:]) if part]
    tokens = tuple(Token(part, draw(LOGPROBS), draw(TOPS)) for part in parts) if told else ()
    return Piece(text, tokens=tokens)


@st.composite
def calls(draw: st.DrawFn) -> list[Piece]:
    """A call and its arguments, whole or cut off, in pieces."""
    arguments = draw(ARGUMENTS | TEXT)
    cuts = sorted(draw(st.lists(st.integers(0, len(arguments)), max_size=3)))
    ends = [*cuts, len(arguments)]
    parts = [arguments[a:b] for a, b in zip([0, *cuts], ends, strict=True)]
    return [Piece(draw(TEXT), "call"), *(Piece(part, "arguments") for part in parts if part)]


@st.composite
def results(draw: st.DrawFn) -> GenerationResult:
    made = [piece for call in draw(st.lists(calls(), max_size=3)) for piece in call]
    return GenerationResult(
        pieces=(
            *draw(st.lists(THOUGHTS, max_size=3)),
            *draw(st.lists(words(told=draw(st.booleans())), max_size=4)),
            *draw(st.lists(REFUSALS, max_size=3)),
            *made,
        ),
        finish_reason=draw(st.sampled_from(["stop", "length", "content_filter"])),
        prompt_tokens=draw(st.integers(0, 10_000)),
        completion_tokens=draw(st.integers(0, 10_000)),
        reasoning_tokens=draw(st.integers(0, 10_000)),
    )


def test_a_refusal_is_read_edited_and_replayed() -> None:
    pieces = (Piece("I", "refusal"), Piece(" won't", "refusal"))
    result = GenerationResult(
        pieces=pieces, finish_reason="stop", prompt_tokens=1, completion_tokens=2
    )
    written = json.loads(write(recorded(result)))
    assert written["result"]["refusal"] == "I won't"
    assert not read(json.dumps(written)).edited
    written["result"]["refusal"] = "I will not"
    edited = read(json.dumps(written))
    assert edited.edited
    assert isinstance(edited.result, GenerationResult)
    assert edited.result.refusal == "I will not"


def recorded(result: Result) -> Recording:
    return replace(recording_for(request_for()), result=result)


@given(results())
def test_every_result_survives_being_written(result: GenerationResult) -> None:
    assert read(write(recorded(result))).result == result
    assert read_result(json.loads(json.dumps(write_result(result)))) == result


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=20), TEXT)
def test_every_vector_survives_being_written(vector: list[float], text: str) -> None:
    request = EmbeddingRequest(model="echo", input=text)
    result = EmbeddingResult(vector=tuple(vector), prompt_tokens=3)
    recording = Recording(key=key(request), model=MODEL, request=request, result=result)
    again = read(write(recording))
    assert again.request == request
    assert isinstance(again.result, EmbeddingResult)
    assert struct.pack(f"{len(vector)}f", *again.result.vector) == struct.pack(
        f"{len(vector)}f", *vector
    )


RESULT = GenerationResult(
    pieces=(
        Piece("hm", "reasoning"),
        Piece("So"),
        Piece("f", "call"),
        Piece('{"a":', "arguments"),
        Piece('"b"}', "arguments"),
    ),
    finish_reason="stop",
    prompt_tokens=1,
    completion_tokens=2,
    reasoning_tokens=1,
)
CALLED = recorded(RESULT)


def test_arguments_are_written_as_the_object_that_they_are() -> None:
    written = json.loads(write(CALLED))["result"]
    assert written["tool_calls"] == [{"name": "f", "arguments": {"a": "b"}, "pieces": "5 4"}]
    assert (written["reasoning"], written["text"]) == ("hm", "So")


def test_a_call_can_be_written_by_hand() -> None:
    data = json.loads(write(CALLED))
    data["result"]["tool_calls"].append({"name": "g", "arguments": {"b": [1, 2]}})
    result = read(json.dumps(data)).result
    assert isinstance(result, GenerationResult)
    assert [(call.name, call.arguments) for call in result.tool_calls] == [
        ("f", '{"a":"b"}'),
        ("g", '{"b":[1,2]}'),
    ]


@pytest.mark.parametrize("arguments", [{"a": "something longer"}, '{"a": "cut off'])
def test_edited_arguments_are_replayed(arguments: Any) -> None:
    data = json.loads(write(CALLED))
    data["result"]["tool_calls"][0]["arguments"] = arguments
    result = read(json.dumps(data)).result
    assert isinstance(result, GenerationResult)
    [call] = result.tool_calls
    said = arguments if isinstance(arguments, str) else '{"a":"something longer"}'
    assert (call.name, call.arguments) == ("f", said)
    assert result.text == "So"


def test_an_edited_text_has_no_log_probabilities() -> None:
    pieces = (Piece("Par", tokens=(Token(b"Par", -0.5),)), Piece("is", tokens=(Token(b"is", -1),)))
    text = write(recorded(replace(RESULT, pieces=pieces)))
    assert '      [["Par", -0.5]],\n' in text  # a line for each piece
    for edited in ("Rome or so", "Praha"):  # the second is as long as what was recorded
        data = json.loads(text)
        data["result"]["text"] = edited
        result = read(json.dumps(data)).result
        assert isinstance(result, GenerationResult)
        assert result.text == edited
        assert not any(piece.tokens for piece in result.pieces)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tool_calls": [{"name": "", "arguments": {}, "pieces": ""}]}, "tool_calls.0.name"),
        ({"tool_calls": [{"name": "f", "arguments": 5, "pieces": ""}]}, "tool_calls.0.arguments"),
        ({"tool_calls": [{"arguments": {}}]}, "tool_calls.0.name"),
        ({"reasoning": 5}, "result.reasoning"),
        ({"logprobs": [["x"]]}, "result.logprobs.0.0"),
        ({"embedding": "AAAA"}, "result.embedding"),
    ],
)
def test_damage_is_told_by_its_place(change: dict[str, Any], words: str) -> None:
    data = json.loads(write(CALLED))
    data["result"] |= change
    with pytest.raises(ValueError, match="it is not a recording") as caught:
        read(json.dumps(data))
    assert words in str(caught.value)


@pytest.mark.parametrize("vector", ["AAA", "AAAA", ""])
def test_a_damaged_vector_is_told(vector: str) -> None:
    request = EmbeddingRequest(model="echo", input="x")
    result = EmbeddingResult(vector=(1.0,), prompt_tokens=1)
    text = write(Recording(key=key(request), model=MODEL, request=request, result=result))
    data = json.loads(text)
    data["result"]["embedding"] = vector
    with pytest.raises(ValueError, match="its result can't be read"):
        read(json.dumps(data))


@pytest.mark.parametrize(
    ("recording", "slug"),
    [
        (CALLED, "hello-there"),
        (recording_for(request_for("")), "prompt"),
    ],
)
def test_a_file_is_named_by_what_was_asked(recording: Recording, slug: str) -> None:
    assert file_name(recording) == f"echo/{slug}-{recording.key}.json"


def test_prompts_and_inputs_name_files_too() -> None:
    for asked in ("Once upon", (1, 2)):
        slug = "once-upon" if asked == "Once upon" else "tokens"
        raw = replace(request_for(), messages=(), prompt=asked)
        embedded = EmbeddingRequest(model="echo", input=asked)
        for request in (raw, embedded):
            recording = replace(CALLED, request=request, key=key(request))
            assert file_name(recording) == f"echo/{slug}-{key(request)}.json"
