"""Whole characters, and nothing of a stop sequence."""

from hypothesis import given
from hypothesis import strategies as st

from slmtape.engines.llamacpp.text import Characters, StopSequences

CUTS = st.lists(st.integers(0, 80), max_size=10).map(sorted)
AB = st.text("ab", max_size=40)


def cut(whole: str | bytes, cuts: list[int]) -> list[str | bytes]:
    ends = [*(end for end in cuts if end < len(whole)), len(whole)]
    return [whole[start:end] for start, end in zip([0, *ends], ends, strict=False)]


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), CUTS)
def test_characters_come_whole_wherever_their_bytes_are_cut(text: str, cuts: list[int]) -> None:
    characters = Characters()
    said = [characters.add(part) for part in cut(text.encode(), cuts)]  # type: ignore[arg-type]
    assert "".join(said) == text
    assert all("\ufffd" not in part for part in said) or "\ufffd" in text
    assert characters.end() == ""


@given(st.binary(max_size=30), CUTS)
def test_bytes_that_are_no_text_become_replacement_characters(raw: bytes, cuts: list[int]) -> None:
    characters = Characters()
    said = "".join(characters.add(part) for part in cut(raw, cuts))  # type: ignore[arg-type]
    assert said + characters.end() == raw.decode(errors="replace")


@given(AB, st.lists(st.text("ab", min_size=1, max_size=4), max_size=4), CUTS)
def test_text_passes_up_to_the_first_stop_sequence(
    text: str, stops: list[str], cuts: list[int]
) -> None:
    sequences = StopSequences(stops)
    said = ""
    for part in cut(text, cuts):
        said += sequences.add(str(part))
        assert not any(stop in said for stop in stops)
        if sequences.met:
            break
    said += sequences.end()
    met = [text.find(stop) for stop in stops if stop in text]
    assert bool(sequences.met) == bool(met)
    if met:
        # A longer sequence may begin before one that ends first; what ends first stops.
        ends = [text.find(stop) + len(stop) for stop in stops if stop in text]
        assert text.startswith(said)
        assert len(said) <= min(ends)
    else:
        assert said == text


def test_without_stop_sequences_nothing_is_held_back() -> None:
    assert StopSequences(()).add("anything") == "anything"


def test_only_what_may_begin_a_stop_sequence_is_held_back() -> None:
    sequences = StopSequences(["END"])
    assert [sequences.add(text) for text in ("so E", "N", "d", "EN", "D more")] == [
        "so ",
        "",
        "ENd",
        "",
        "",
    ]
    assert sequences.met
