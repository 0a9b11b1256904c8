"""Every family of models loads, answers, ends, writes JSON and calls: on tiny models."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from slmtape.generation import JsonFormat, Message, ToolCall
from tests.engines.families import (
    ENDS,
    NOW,
    PARIS,
    ROME,
    TOOLS,
    TURNS,
    WEATHER,
    Tiny,
    asked,
    prompt,
)
from tests.engines.test_engine_contract import answer

pytestmark = pytest.mark.live

MOOD: dict[str, Any] = {
    "type": "object",
    "properties": {"mood": {"enum": ["good", "bad"]}, "age": {"type": "integer"}},
    "required": ["mood", "age"],
    "additionalProperties": False,
}
QUESTION = Message("user", "What's the weather in Paris?")


def test_it_answers_and_the_same_request_the_same(model: Tiny) -> None:
    long = asked(*TURNS, Message("user", "The sea is wide. " * 60), max_tokens=12)
    first = answer(model.engine, long)
    assert first.text
    assert (first.completion_tokens, first.finish_reason) == (12, "length")
    other = answer(model.engine, asked(temperature=1, seed=1, max_tokens=12))
    assert other.text != first.text
    assert answer(model.engine, long) == first


def test_room_that_grows_changes_no_number(model: Tiny) -> None:
    from slmtape.engines.llamacpp.context import batches
    from tests.engines.cold import cold

    prompt = model.weights.tokens("The sea is wide. " * 60)
    logits = []
    for room in (len(prompt), 4096):
        with cold(model.weights) as context:
            context.clear(room)
            for batch in batches(prompt):
                context.evaluate(batch)
            if not context.holds(4096):
                context.grow()
            context.evaluate(prompt[:1])
            logits.append(context.logits().copy())
    assert (logits[0] == logits[1]).all()


def test_growing_can_be_stopped(tiny_models: dict[str, Path]) -> None:
    from tests.engines.cold import cold

    def stop() -> None:
        raise TimeoutError

    with cold(Tiny(tiny_models["gemma3"]).weights) as context:
        context.clear(1)
        context.evaluate([7])
        with pytest.raises(TimeoutError):
            context.grow(stop)  # a sliding window's memory is evaluated again
        context.clear(1)
        context.evaluate([7])
        assert context.logits().any()


def test_what_a_template_writes_is_read_as_it_was_in_training(model: Tiny) -> None:
    text = prompt(model.template, asked(*TURNS, tools=TOOLS))
    tokens = model.weights.tokens(text)
    names = [model.weights.name(token).decode(errors="replace") for token in tokens]
    assert "".join(names) == text
    assert {part for part in re.findall(r"<\|?[a-z_]+\|?>", text) if part != "<tools>"} <= {*names}
    assert ENDS[model.family][0] in names
    opening = names[0] in ("<|begin_of_text|>", "<bos>")
    assert opening == (model.family in ("llama", "gemma3"))
    assert names[0] not in names[1:] or not opening


def test_every_token_that_ends_an_answer_ends_it_unseen(model: Tiny) -> None:
    for end in ENDS[model.family]:
        assert len(model.tokens(end)) == 1
        result = answer(model.engine, asked(**model.saying("Hello there", end, " and more")))
        assert (result.text, result.finish_reason) == ("Hello there", "stop")
        assert result.completion_tokens == len(model.tokens("Hello there"))


def test_an_answer_in_json_matches_its_schema(model: Tiny) -> None:
    form = JsonFormat(json.dumps(MOOD))
    result = answer(model.engine, asked(response_format=form, max_tokens=100))
    Draft202012Validator(MOOD).validate(json.loads(result.text))
    assert result.finish_reason == "stop"


def test_an_answer_that_no_one_limits_comes_to_an_end(
    model: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slmtape.engines.llamacpp.engine._LONGEST", 20)
    monkeypatch.setattr("slmtape.engines.llamacpp.engine._LONGEST_WITH_THOUGHTS", 60)
    endless = {"max_tokens": None, "logit_bias": ((model.tokens("Hello")[0], 100.0),)}
    result = answer(model.engine, asked(**endless))
    assert (result.completion_tokens, result.finish_reason) == (20, "length")
    pondered = answer(model.engine, asked(**endless, reasoning_effort="low"))
    assert (pondered.completion_tokens, pondered.finish_reason) == (60, "length")
    longer = answer(model.engine, asked(**endless | {"max_tokens": 70}))
    assert longer.completion_tokens == 70


@pytest.mark.parametrize("seed", [None, 5])
def test_a_call_is_read_in_the_next_turn_as_it_was_made(model: Tiny, seed: int | None) -> None:
    chance: dict[str, Any] = {} if seed is None else {"temperature": 1, "seed": seed}
    ask = asked(QUESTION, tools=TOOLS, tool_choice="required", max_tokens=200, **chance)
    first, *more = answer(model.engine, ask).tool_calls
    named = asked(
        QUESTION,
        tools=TOOLS,
        tool_choice="required",
        allowed_tools=("get_weather",),
        parallel_tool_calls=False,
        max_tokens=200,
        **chance,
    )
    result = answer(model.engine, named)
    [call] = result.tool_calls
    assert (result.text, result.finish_reason) == ("", "stop")
    assert {first.name, *(other.name for other in more)} <= {"get_weather", "now"}
    assert WEATHER.parameters
    Draft202012Validator(json.loads(WEATHER.parameters)).validate(json.loads(call.arguments))
    made = ToolCall(call.name, call.arguments, "x")
    turns = (QUESTION, Message("assistant", "", tool_calls=(made,)))
    told = prompt(model.template, asked(*turns, Message("tool", "21", tool_call_id="x")))
    assert calls_in(told, model.family)[-1] == (call.name, json.loads(call.arguments))


def calls_in(text: str, family: str) -> list[tuple[str, Any]]:
    """The calls in a prompt, read as a model's family writes them."""
    written = {
        "llama": r'\{"name": "(?P<name>\w+)", "parameters": (?P<arguments>.*)\}<\|eot_id\|>',
        "gemma3": r"I call (?P<name>\w+) with (?P<arguments>.*)\.(?:\n|<end_of_turn>)",
    }
    hermes = (
        r'<tool_call>\n\{"name": "(?P<name>\w+)", "arguments": (?P<arguments>.*)\}\n</tool_call>'
    )
    found = re.finditer(written.get(family, hermes), text)
    return [(one["name"], json.loads(one["arguments"])) for one in found]


@pytest.mark.parametrize("model", ["llama", "qwen2", "smollm3"], indirect=True)
def test_a_model_that_was_taught_calls_decides_by_itself_to_make_one(model: Tiny) -> None:
    begins = {"llama": '{"name": "now'}.get(model.family, "<tool_call>")
    ask = asked(QUESTION, tools=(NOW,), **model.saying(begins))
    result = answer(model.engine, ask)
    assert (result.tool_calls[0].name, result.tool_calls[0].arguments) == ("now", "{}")
    assert result.text == ""


def test_text_that_only_looks_like_a_call_stays_text(model: Tiny) -> None:
    end = ENDS[model.family][0]
    text = '{"name": "now'
    result = answer(model.engine, asked(**model.saying(text, end)))
    assert (result.text, result.tool_calls) == (text, ())
    tagged = answer(model.engine, asked(**model.saying("<tool_call>", text, end)))
    assert (tagged.text, tagged.tool_calls) == (f"<tool_call>{text}", ())
    if model.template.calls:
        other = '{"names": 1'
        result = answer(model.engine, asked(tools=TOOLS, **model.saying(other, end)))
        assert (result.text, result.tool_calls) == (other, ())


def test_calls_that_were_made_at_once_are_told_with_their_results(model: Tiny) -> None:
    at_once = Message("assistant", "Let me look.", tool_calls=(PARIS, ROME))
    results = [Message("tool", f"It {what}.", tool_call_id=call.id) for what, call in RESULTS]
    told = prompt(model.template, asked(QUESTION, at_once, *results, tools=TOOLS))
    assert [name for name, _ in calls_in(told, model.family)][-2:] == ["get_weather"] * 2
    for words in ("Let me look.", '"Paris"', '"Rome"', "It rains.", "It snows."):
        assert told.count(words) == 1
    assert answer(model.engine, asked(QUESTION, at_once, *results, tools=TOOLS)).completion_tokens


RESULTS = (("rains", PARIS), ("snows", ROME))
