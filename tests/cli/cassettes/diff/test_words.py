"""How two texts differ, word by word."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmtape.cli.cassettes.diff.words import Span, excerpts, spans

TEXT = st.text("ab1 \n.é", max_size=30)
_MARKS = {"same": "{}", "removed": "[-{}-]", "added": "{{+{}+}}"}


def marked(found: list[Span]) -> str:
    return "".join(_MARKS[span.kind].format(span.text) for span in found)


@given(TEXT, TEXT)
def test_the_parts_make_up_both_texts(before: str, after: str) -> None:
    found = spans(before, after)
    assert "".join(span.text for span in found if span.kind != "added") == before
    assert "".join(span.text for span in found if span.kind != "removed") == after
    assert all(span.text for span in found)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("same", "same", "same"),
        ("", "new", "{+new+}"),
        ("The capital is Paris.", "The capital is Rome.", "The capital is [-Paris-]{+Rome+}."),
        ("a capital", "a capital?", "a capital{+?+}"),
        ("words", "word", "[-words-]{+word+}"),
        ("one two three four", "one 2 3 four", "one [-two three-]{+2 3+} four"),
        ("a\nb\nc\nd", "a\nB\nc\nd", "a\n[-b-]{+B+}\nc\nd"),
        (
            "the sea is of a blue",
            "for the love of god",
            "[-the sea is of a blue-]{+for the love of god+}",
        ),
    ],
)
def test_words_are_told_whole(before: str, after: str, told: str) -> None:
    assert marked(spans(before, after)) == told


def test_what_is_the_same_is_cut_to_what_is_beside_a_change() -> None:
    words = "word " * 100
    found = list(
        excerpts(spans(f"{words}old {words}end {words}", f"{words}new {words}END {words}"))
    )
    assert [span.kind for span in found].count("same") == 3
    assert all(len(span.text) <= 81 for span in found)
    assert found[0].text.startswith("…")
    assert found[-1].text.endswith("…")


def test_long_texts_that_differ_wholly_are_told_at_once() -> None:
    before, after = "ab " * 50_000, "cd " * 50_000
    assert [span.kind for span in spans(before, after)][:2] == ["removed", "added"]
