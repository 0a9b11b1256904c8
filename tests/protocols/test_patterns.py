"""Which regular expressions are taken: those that everybody reads alike."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmtape.protocols.openai.patterns import mistake


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "abc",
        r"^\d{3}-[A-Z]+$",
        "^a|b$",
        "^(?:a|b)*?c{2,}$",
        r"(?<year>\d{4})",
        r"^[^\s@]+@[\w.-]+\.\w{2,}$",
        r"^\p{L}[\u4e00-\u9fff]\/\$$",
    ],
)
def test_what_everybody_reads_alike_is_taken(pattern: str) -> None:
    assert mistake(pattern) is None


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("(?=a)b", "position 0"),
        ("(?i)a", "position 0"),
        (r"(a)\1", "position 3"),
        (r"\bfoo", "position 0"),
        ("[a&&b]", "position 0"),
        ("[[a]]", "position 0"),
        ("a^", "has a '^' that is not at the beginning"),
        ("(^a)", "has a '^' that is not at the beginning"),
        ("a$b", "has a '$' that is not at the end"),
        ("a**", "repeats what can't be repeated"),
        ("(a{999}){999}", "repeats more than 100000 times"),
        ("(a", "is not a valid regular expression"),
        ("[z-a]", "is not a valid regular expression"),
    ],
)
def test_anything_else_is_not(pattern: str, words: str) -> None:
    assert words in (mistake(pattern) or "")


@given(st.text(alphabet="ab1-^$|()?:*+{},[]\\dwpé.<> ", max_size=12))
def test_a_pattern_that_is_taken_is_one_for_python(pattern: str) -> None:
    if mistake(pattern) is None:
        re.compile(re.sub(r"\\[pP]\{\w+\}", "x", pattern).replace("(?<", "(?P<"))
