"""Addresses on a hub, and which file of a repository is taken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmtape.models.files import parts
from slmtape.models.hub.address import Address, parse
from slmtape.models.hub.choice import choose

QUANTISATIONS = ["Q2_K", "Q3_K_M", "Q4_0", "Q4_K_M", "Q4_K_S", "Q5_K_M", "Q6_K", "Q8_0", "F16"]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("owner/repo", Address("owner/repo")),
        ("owner/repo@v1.0", Address("owner/repo", "v1.0")),
        ("owner/repo@refs/pr/3", Address("owner/repo", "refs/pr/3")),
        ("owner/repo:a-Q4_0.gguf", Address("owner/repo", file="a-Q4_0.gguf")),
        (
            "owner/repo:q4/a-00001-of-00002.gguf",
            Address("owner/repo", file="q4/a-00001-of-00002.gguf"),
        ),
        ("owner/repo:Q8_0", Address("owner/repo", file="Q8_0")),
        ("Owner-1/Re.po_2@abc:x.gguf", Address("Owner-1/Re.po_2", "abc", "x.gguf")),
        ("models/mine.gguf", None),
        ("./models/mine.gguf", None),
        ("/models/mine.gguf", None),
        ("C:\\models\\mine.gguf", None),
        ("a/b/c", None),
        ("gemma", None),
        ("owner/", None),
        ("owner/repo:", None),
        ("owner/repo@", None),
        ("", None),
    ],
)
def test_an_address_is_read_as_it_is_written(written: str, expected: Address | None) -> None:
    assert parse(written) == expected


@given(st.lists(st.sampled_from(QUANTISATIONS), min_size=1, unique=True), st.booleans())
def test_q4_k_m_is_preferred_whatever_else_there_is(kinds: list[str], lower: bool) -> None:
    names = [f"Some-Model-3B-it-{kind.lower() if lower else kind}.gguf" for kind in kinds]
    [chosen] = choose([*names, "README.md", "mmproj-model-f16.gguf"], None)
    assert chosen in names
    if "Q4_K_M" in kinds:
        assert "q4_k_m" in chosen.lower()


def test_of_other_quantisations_small_sensible_ones_come_first() -> None:
    order = ["Q4_K_M", "Q4_K_S", "Q4_0", "Q5_K_M", "Q6_K", "Q8_0", "Q3_K_M", "Q2_K", "F16"]
    names = {kind: f"m.{kind}.gguf" for kind in order}
    for index, kind in enumerate(order):
        assert choose([names[kind] for kind in order[index:]], None) == [names[kind]]


def test_a_name_that_says_nothing_is_better_than_no_model() -> None:
    assert choose(["model.gguf"], None) == ["model.gguf"]
    assert choose(["config.json", "mmproj-F16.gguf", "m-imatrix.gguf"], None) == ()
    assert choose([], None) == ()


def test_a_quantisation_is_a_whole_word_of_the_name() -> None:
    names = ["a-Q4_K_M.gguf", "a-Q4_K.gguf", "a-UD-Q4_K_XL.gguf"]
    assert choose(names, "q4_k") == ["a-Q4_K.gguf"]
    assert choose(names, "Q4_K_XL") == ["a-UD-Q4_K_XL.gguf"]
    assert choose(names, "Q4") == ()
    assert choose(names, "UD-Q4_K_XL") == ["a-UD-Q4_K_XL.gguf"]
    assert choose(["a_f16.gguf", "a_q4_k_m.gguf", "a_iq4_k_m.gguf"], None) == ["a_q4_k_m.gguf"]


@given(st.integers(1, 30), st.data())
def test_all_parts_of_a_split_file_belong_to_it(count: int, data: st.DataObject) -> None:
    names = [f"d/m-Q4_K_M-{number:05}-of-{count:05}.gguf" for number in range(1, count + 1)]
    any_part = data.draw(st.sampled_from(names))
    assert parts(any_part) == names
    assert choose(names, any_part) == names
    assert choose([*names, "z.gguf"], None) == names
    lost = data.draw(st.sampled_from(names))
    assert choose(set(names) - {lost}, None) == ()
    assert choose(set(names) - {lost}, any_part) == ()
