"""Chat templates that fail or run away."""

from typing import Any

import pytest

pytest.importorskip("llama_cpp", reason="needs the extra `llama`")

from slmtape.engines.llamacpp.template import ChatTemplate
from slmtape.errors import EngineError
from slmtape.generation import Message
from tests.engines.families import TURNS

pytestmark = pytest.mark.live

HELLO = (Message("user", "Hello {number: 123456789} 100%"),)
ENDLESS = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"


def render(source: str, *messages: Message, **options: Any) -> str:
    return ChatTemplate(source, bos="", eos="").render(messages or HELLO, **options)


@pytest.mark.parametrize(
    "source",
    [
        ENDLESS,
        "{% for i in range(99999) %}{% for j in range(99999) %}a{% endfor %}{% endfor %}",
        "{% macro f() %}{% for i in range(9) %}{% set x = f2() %}{% endfor %}{% endmacro %}"
        "{% macro f2() %}" + ENDLESS + "{% endmacro %}{{ f() }}",
        "{% for i in [1, 2, 3] recursive %}{{ loop([1, 2, 3]) }}{% endfor %}",
        "{% set n = namespace(x='ab') %}"
        "{% for i in range(99) %}{% set n.x = n.x ~ n.x %}{% endfor %}{{ n.x }}",
        "{% set n = namespace(x='ab') %}"
        "{% for i in range(99) %}{% set n.x = n.x + n.x %}{% endfor %}{{ n.x }}",
        "{% set n = namespace(x=['a']) %}"
        "{% for i in range(99) %}{% set n.x = n.x + n.x %}{% endfor %}{{ n.x }}",
        "{{ 'a' * 10000000000 }}",
        "{{ 10000000000 * [1] }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ 'a'.ljust(10000000000) }}",
        "{{ 'a' | center(10000000000) }}",
        "{{ 5 | center(10000000000) }}",
        "{{ '%10000000000d' % 1 }}",
        "{{ '%10000000000d' | format(1) }}",
        "{{ '{:10000000000}'.format(1) }}",
        "{{ ('a' * 999999).replace('a', 'b' * 999999) }}",
        "{{ (['a' * 999999] * 99999) | join }}",
        "{% set x = 'a' * 40000000 %}{{ x }}{{ x }}",
    ],
)
def test_a_template_that_runs_away_is_stopped(source: str) -> None:
    with pytest.raises(EngineError, match="chat template runs away"):
        render(source)


@pytest.mark.parametrize("source", ["{% for %}", "{{ a b }}", "{% endif %}", "{{ x | nofilter }}"])
def test_a_template_that_cant_be_read_is_told(source: str) -> None:
    with pytest.raises(EngineError, match="chat template can't be read"):
        render(source)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ messages[0].content | trim }}", HELLO[0].content),
        ("{{ messages[0].content.replace('H', 'J') }}", "J" + HELLO[0].content[1:]),
        ("{{ 1234567890 | string }}", "1234567890"),
        ("{{ '%s' % messages[0].content }}", HELLO[0].content),
        ("{{ ['a', 'b'] | join(', ') }}", "a, b"),
        ("{{ 'a' * 3 + 'b' ~ 2 ** 3 }}", "aaab8"),
        ("{% macro f(x) %}<{{ x }}>{% endmacro %}{{ f(1) }}{{ f(2) }}", "<1><2>"),
        ("{% for i in range(3) if i != 1 %}{{ loop.index }}{{ i }} {% endfor %}", "10 22 "),
    ],
)
def test_what_templates_do_is_done(source: str, text: str) -> None:
    assert render(source) == text


def test_a_very_long_conversation_is_rendered() -> None:
    source = "{% for m in messages %}{% if m.content %}{{ m.content }}{% endif %}{% endfor %}"
    assert render(source, *TURNS[1:3] * 3000).count("Ahoy") == 3000
