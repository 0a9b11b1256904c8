"""Whatever was recorded can be told."""

import io
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from slmtape.cli.cassettes import conversation, saying
from slmtape.cli.cassettes.leaks import leaks
from slmtape.cli.cassettes.texts import texts
from slmtape.generation import GenerationResult, Piece, Tool
from slmtape.keys import json_text
from tests.cli.cassettes.invoking import answering
from tests.support import request_for
from tests.test_keys import REQUESTS, TEXT

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
PIECES = st.lists(
    st.builds(Piece, TEXT, st.sampled_from(["text", "reasoning", "refusal"])), max_size=4
).map(tuple)
HIDDEN = {chr(code) for code in (*range(32), *range(127, 160))} - {"\n", "\t"}


def told(request: Any, pieces: Any) -> str:
    """All that `show` prints of an answer."""
    out = io.StringIO()
    console = Console(file=out, width=80)
    for part in conversation.parts(Path("x.json"), answering(request, *pieces), ["a.py::test"]):
        console.print(part)
    return out.getvalue()


@given(REQUESTS, PIECES)
def test_any_recording_is_told_without_what_would_change_a_terminal(
    request: Any, pieces: Any
) -> None:
    shown = told(request, pieces)
    assert not HIDDEN & set(shown)
    recording = answering(request, *pieces)
    for line in (saying.asked(request), saying.answered(recording)):
        assert not (HIDDEN | {"\n"}) & set(line)


@given(REQUESTS, PIECES)
def test_any_recording_has_its_texts_at_places_of_their_own(request: Any, pieces: Any) -> None:
    recording = answering(request, *pieces)
    places = [place.path for place in texts(recording)]
    assert len(places) == len(set(places))
    assert isinstance(recording.result, GenerationResult)
    if recording.result.text:
        assert ("text", recording.result.text) in list(texts(recording))


@given(_JSON)
def test_a_tool_is_told_whatever_its_schema(schema: Any) -> None:
    tool = Tool("f", parameters=json_text({"type": "object", "properties": {}, "x": schema}))
    assert "tools          f()" in told(request_for(tools=(tool,)), ())
    for odd in (schema, {"properties": schema}, {"properties": {"a": schema}, "required": schema}):
        assert "f(" in told(request_for(tools=(Tool("f", parameters=json_text(odd)),)), ())


@given(TEXT)
def test_any_text_is_looked_through_for_secrets(text: str) -> None:
    for leak in leaks(text):
        assert leak.secret
