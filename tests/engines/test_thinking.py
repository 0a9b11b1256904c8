"""Thoughts come before an answer, only where they are asked for, and never in it."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from slmtape.generation import GenerationRequest, GenerationResult, JsonFormat, Message
from tests.engines.families import NOW, TURNS, Tiny, asked
from tests.engines.test_engine_contract import answer
from tests.engines.test_families import MOOD

pytestmark = pytest.mark.live

END = "<|im_end|>"
THOUGHT = "Maybe it rains"
SAID = "Blue sky"


@pytest.fixture(scope="module")
def thinker(tiny_models: dict[str, Path]) -> Tiny:
    """A SmolLM3."""
    return Tiny(tiny_models["smollm3"])


def said(thinker: Tiny, *parts: str, messages: tuple[Message, ...] = (), **options: Any) -> Any:
    """The answer of a model that likes to say these parts."""
    likes = thinker.saying(*parts)
    extras = likes["extras"] + options.pop("extras", ())
    return answer(thinker.engine, asked(*messages, **likes | options | {"extras": extras}))


def parts(result: GenerationResult) -> tuple[str, str]:
    return result.reasoning, result.text


@pytest.mark.parametrize("effort", ["low", "high"])
def test_it_thinks_where_effort_is_asked_for(thinker: Tiny, effort: str) -> None:
    result = said(thinker, THOUGHT, "</think>", SAID, END, reasoning_effort=effort)
    assert parts(result) == (THOUGHT, SAID)
    thoughts = len(thinker.tokens("<think>\n", THOUGHT, "</think>"))
    assert result.reasoning_tokens == thoughts
    assert result.completion_tokens == thoughts + len(thinker.tokens(SAID))
    assert result.finish_reason == "stop"


@pytest.mark.parametrize("effort", [None, "none", "minimal"])
def test_it_does_not_think_elsewhere_however_it_would_like_to(
    thinker: Tiny, effort: str | None
) -> None:
    for marks in (("<think>",), ("</think>",), ("<think>", "</think>")):
        result = said(thinker, *marks, SAID, END, reasoning_effort=effort)
        assert parts(result) == ("", SAID)
        assert (result.reasoning_tokens, result.finish_reason) == (0, "stop")


def test_it_does_not_close_its_thoughts_again(thinker: Tiny) -> None:
    close, end = thinker.tokens("</think>", END)
    always = asked(reasoning_effort="low", logit_bias=((close, 100.0), (end, 80.0)))
    result = answer(thinker.engine, always)
    assert (parts(result), result.finish_reason) == (("", ""), "stop")


def test_thoughts_that_are_cut_off_leave_no_text(thinker: Tiny) -> None:
    likes = (THOUGHT, "</think>", SAID, END)
    for most in (1, 2, 3, len(thinker.tokens("<think>\n", THOUGHT))):
        result = said(thinker, *likes, reasoning_effort="low", max_tokens=most)
        assert (result.text, result.finish_reason) == ("", "length")
        assert result.reasoning_tokens == result.completion_tokens == most
        assert THOUGHT.startswith(result.reasoning)
        cut: dict[str, Any] = {"tools": (NOW,), "tool_choice": "required"}
        assert not said(thinker, *likes, reasoning_effort="low", max_tokens=most, **cut).tool_calls


def test_a_model_may_end_with_its_thoughts(thinker: Tiny) -> None:
    result = said(thinker, THOUGHT, END, "</think>", SAID, reasoning_effort="low")
    assert parts(result) == (THOUGHT, "")
    assert result.finish_reason == "stop"


def test_no_thought_is_no_reasoning(thinker: Tiny) -> None:
    result = said(thinker, "</think>", "\n\n", SAID, END, reasoning_effort="low")
    assert parts(result) == ("", SAID)
    assert result.reasoning_tokens == len(thinker.tokens("<think>\n", "</think>"))


def test_a_stop_sequence_is_one_of_the_answer(thinker: Tiny) -> None:
    likes = (THOUGHT, "</think>", SAID, END)
    result = said(thinker, *likes, reasoning_effort="low", stop=(" it", " sky"))
    assert parts(result) == (THOUGHT, "Blue")


def test_calls_and_json_come_after_thoughts(thinker: Tiny) -> None:
    likes = (THOUGHT, "</think>")
    required: dict[str, Any] = {"tools": (NOW,), "tool_choice": "required", "max_tokens": 80}
    call = said(thinker, *likes, reasoning_effort="low", **required)
    assert next(piece.kind for piece in call.pieces if piece.kind != "reasoning") == "call"
    assert (call.reasoning, call.tool_calls[0].name, call.text) == (THOUGHT, "now", "")
    decided = said(thinker, *likes, "<tool_call>", reasoning_effort="low", tools=(NOW,))
    assert (decided.reasoning, decided.tool_calls[0].name) == (THOUGHT, "now")
    form = JsonFormat(json.dumps(MOOD))
    value = said(thinker, *likes, reasoning_effort="low", response_format=form, max_tokens=80)
    assert value.reasoning == THOUGHT
    Draft202012Validator(MOOD).validate(json.loads(value.text))


def test_a_conversation_may_switch_thoughts_off_but_not_let_them_leak(thinker: Tiny) -> None:
    off = (Message("system", "Be brief. /no_think"), *TURNS[1:])
    result = said(thinker, "<think>", SAID, END, messages=off, reasoning_effort="low")
    assert parts(result) == ("", SAID)
    on = (Message("system", "Be brief. /think"), *TURNS[1:])
    assert parts(said(thinker, "<think>", SAID, END, messages=on)) == ("", SAID)


def test_template_variables_switch_thoughts_as_well(thinker: Tiny) -> None:
    likes = (THOUGHT, "</think>", SAID, END)
    given = ("chat_template_kwargs", '{"enable_thinking":true}')
    assert parts(said(thinker, *likes, extras=(given,))) == (THOUGHT, SAID)
    given = ("chat_template_kwargs", '{"enable_thinking":false}')
    off = said(thinker, "</think>", SAID, END, extras=(given,), reasoning_effort="high")
    assert parts(off) == ("", SAID)


def test_a_raw_prompt_is_gone_on_with_as_it_is(thinker: Tiny) -> None:
    likes = thinker.saying(THOUGHT, "</think>", SAID, END)
    raw = GenerationRequest(model="tiny", prompt="<think>\n", max_tokens=40, **likes)
    result = answer(thinker.engine, raw)
    assert parts(result) == ("", f"{THOUGHT}</think>{SAID}")


def test_a_model_that_was_not_taught_to_think_does_not(tiny_models: dict[str, Path]) -> None:
    qwen = Tiny(tiny_models["qwen2"])
    result = said(qwen, SAID, END, reasoning_effort="high")
    assert parts(result) == ("", SAID)
    assert result.reasoning_tokens == 0
