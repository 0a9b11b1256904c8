"""Calls, JSON, log-probabilities and vectors of the real model."""

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from slmtape import engines, models
from slmtape.errors import ContextLengthExceeded, RequestError
from slmtape.generation import (
    EmbeddingRequest,
    Engine,
    GenerationRequest,
    GenerationResult,
    JsonFormat,
    Message,
    Tool,
    ToolCall,
)
from slmtape.keys import json_text
from tests.engines.test_engine_contract import MODEL, answer, asking

pytestmark = pytest.mark.live

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 20},
        "âge": {"type": "integer", "minimum": 0, "maximum": 120},
        "mood": {"enum": ["good", "bad"]},
    },
    "required": ["name", "âge", "mood"],
    "additionalProperties": False,
}
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
NUMBER = {"type": "number"}
SUM = {"type": "object", "properties": {"a": NUMBER, "b": NUMBER}, "required": ["a", "b"]}
WEATHER = Tool("get_weather", "Current weather in a city", json_text(CITY))
ADD = Tool("add", "Add two numbers", json_text(SUM))
NOW = Tool("now", "The current time")
TOOLS = (WEATHER, ADD, NOW)
ANN = "Ann is 31 and feels good. Her data as JSON:"


@pytest.fixture(scope="module")
def engine() -> Engine:
    return engines.load("llamacpp", models.find(MODEL), MODEL)


def json_about(text: str, schema: Any = PERSON, **options: Any) -> GenerationRequest:
    return asking(
        text, **{"response_format": JsonFormat(json_text(schema)), "max_tokens": 200} | options
    )


@pytest.mark.parametrize("options", [{}, {"temperature": 1.5, "seed": 3}, {"presence_penalty": 2}])
def test_an_answer_in_json_matches_its_schema(engine: Engine, options: dict[str, Any]) -> None:
    result = answer(engine, json_about(ANN, **options))
    Draft202012Validator(PERSON).validate(json.loads(result.text))
    assert result.finish_reason == "stop"
    assert list(json.loads(result.text)) == ["name", "âge", "mood"]


def test_json_that_is_cut_off_says_so(engine: Engine) -> None:
    result = answer(engine, json_about(ANN, max_tokens=5))
    assert (result.finish_reason, result.completion_tokens) == ("length", 5)
    with pytest.raises(json.JSONDecodeError):
        json.loads(result.text)


def test_a_limit_that_is_just_enough_is_enough(engine: Engine) -> None:
    whole = answer(engine, json_about(ANN))
    exact = answer(engine, json_about(ANN, max_tokens=whole.completion_tokens))
    assert exact == whole


def test_a_schema_that_nothing_matches_is_the_clients_mistake(engine: Engine) -> None:
    closed = {"type": "object", "additionalProperties": False}
    parts = [
        closed | {"properties": {name: {"type": "string"}}, "required": [name]} for name in "ab"
    ]
    with pytest.raises(RequestError, match="no answer can be held to it") as caught:
        answer(engine, json_about(ANN, {"type": "object", "allOf": parts}))
    assert caught.value.code == "invalid_json_schema"


def test_an_object_is_an_object_where_no_schema_is_given(engine: Engine) -> None:
    result = answer(engine, asking(ANN, response_format=JsonFormat(), max_tokens=200))
    assert isinstance(json.loads(result.text), dict)


def test_what_is_forced_is_not_evaluated_token_by_token(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from slmtape.engines.llamacpp.context import Context

    evaluated: list[int] = []
    evaluate = Context.evaluate

    def counted(self: Context, tokens: list[int]) -> None:
        evaluated.append(len(tokens))
        evaluate(self, tokens)

    monkeypatch.setattr(Context, "evaluate", counted)
    result = answer(engine, json_about(ANN))
    assert len(evaluated) < result.completion_tokens


def test_the_model_decides_whether_and_what_to_call(engine: Engine) -> None:
    weather = answer(engine, asking("What's the weather in Paris?", tools=TOOLS))
    [call] = weather.tool_calls
    assert (call.name, json.loads(call.arguments)) == ("get_weather", {"city": "Paris"})
    [call] = answer(engine, asking("Please add 2 and 3.", tools=TOOLS)).tool_calls
    assert (call.name, json.loads(call.arguments)) == ("add", {"a": 2, "b": 3})
    words = answer(engine, asking("Write a poem about the sea.", tools=TOOLS))
    assert words.text
    assert not words.tool_calls


def test_what_a_function_returned_is_told_in_words(engine: Engine) -> None:
    call = ToolCall("get_weather", '{"city":"Paris"}', "x")
    history = (
        Message("user", "What's the weather in Paris?"),
        Message("assistant", "", tool_calls=(call,)),
        Message("tool", "It is 21 degrees and sunny.", tool_call_id="x"),
    )
    result = answer(engine, replace(asking("", tools=TOOLS), messages=history))
    assert result.text
    assert not result.tool_calls


def test_a_required_call_is_made_and_only_an_allowed_one(engine: Engine) -> None:
    required = asking("Hello", tools=TOOLS, tool_choice="required", max_tokens=60)
    assert answer(engine, required).tool_calls
    for tool in TOOLS:
        named = replace(required, allowed_tools=(tool.name,), parallel_tool_calls=False)
        result = answer(engine, named)
        [call] = result.tool_calls
        assert call.name == tool.name
        schema = json.loads(tool.parameters or '{"type":"object","maxProperties":0}')
        Draft202012Validator(schema).validate(json.loads(call.arguments))
        assert (result.text, result.finish_reason) == ("", "stop")


def test_json_and_calls_go_together(engine: Engine) -> None:
    both = json_about("What's the weather in Paris?", tools=TOOLS)
    assert [call.name for call in answer(engine, both).tool_calls] == ["get_weather"]
    words = answer(engine, json_about("Write a poem about the sea.", tools=TOOLS))
    Draft202012Validator(PERSON).validate(json.loads(words.text))


TAUGHT = (
    "{% for tool in tools %}{{ tool | tojson }}\n{% endfor %}"
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}"
    "{% for call in m.tool_calls %}<tool_call>{{ call.function | tojson }}</tool_call>{% endfor %}"
    "<|im_end|>\n{% endfor %}<|im_start|>assistant\n"
)


@pytest.fixture(params=["<tool_call>", '{"parameters": dictionary of argument name and its value}'])
def taught(request: pytest.FixtureRequest) -> Engine:
    """An engine whose template tells the model how to write calls."""
    from slmtape.engines.llamacpp.engine import LlamaCppEngine
    from slmtape.engines.llamacpp.loaded import Loaded
    from slmtape.engines.llamacpp.template import ChatTemplate

    source = f"{{# {request.param.strip('{}')} #}}{TAUGHT if '<' in request.param else CHATML}"
    files, in_memory = models.find(MODEL), Loaded()
    with in_memory.using(files.path.absolute()) as model:
        model.weights.template = ChatTemplate(source, bos="", eos="")
    return LlamaCppEngine(files, MODEL, in_memory=in_memory)


CHATML = TAUGHT.replace("<tool_call>", "").replace("</tool_call>", "")


def test_a_model_that_was_taught_calls_writes_them_its_own_way(taught: Engine) -> None:
    asked = asking("Weather in Paris?", tools=TOOLS, tool_choice="required", max_tokens=60)
    [first, *_] = answer(taught, asked).tool_calls
    assert first.name in [tool.name for tool in TOOLS]
    named = replace(asked, allowed_tools=("add",), parallel_tool_calls=False)
    [call] = answer(taught, named).tool_calls
    assert set(json.loads(call.arguments)) == {"a", "b"}
    cut = answer(taught, replace(named, max_tokens=8))
    assert cut.finish_reason == "length"
    assert cut.completion_tokens == 8


def logprobs(result: GenerationResult) -> Iterator[Any]:
    return (token for piece in result.pieces for token in piece.tokens)


def test_log_probabilities_are_the_models_own(engine: Engine) -> None:
    result = answer(engine, asking("What is the capital of France", top_logprobs=5))
    tokens = list(logprobs(result))
    assert b"".join(token.text for token in tokens).decode() == result.text
    assert len(tokens) == result.completion_tokens
    for token in tokens:
        assert token.top[0] == (token.text, token.logprob)  # at temperature 0 the likeliest is said
        assert all(one[1] >= other[1] for one, other in pairwise(token.top))
        assert len(token.top) == 5
        assert 0 < sum(math.exp(logprob) for _, logprob in token.top) <= 1.0001
    assert answer(engine, asking("What is the capital of France")).text == result.text
    bare = answer(engine, asking("What is the capital of France", top_logprobs=0))
    assert [token.logprob for token in logprobs(bare)] == [token.logprob for token in tokens]
    assert not any(token.top for token in logprobs(bare))


def test_forced_tokens_have_log_probabilities_as_well(engine: Engine) -> None:
    result = answer(engine, json_about(ANN, top_logprobs=0))
    tokens = list(logprobs(result))
    assert b"".join(token.text for token in tokens).decode() == result.text
    assert all(token.logprob <= 0 for token in tokens)


def test_a_stop_sequence_drops_its_own_tokens(engine: Engine) -> None:
    whole = answer(engine, asking(top_logprobs=0))
    result = answer(engine, asking(top_logprobs=0, stop=(whole.pieces[3].text,)))
    assert b"".join(token.text for token in logprobs(result)).decode() == result.text


def test_a_raw_prompt_is_gone_on_with(engine: Engine) -> None:
    prompt = GenerationRequest(model=MODEL, prompt="Once upon a time", max_tokens=8)
    assert answer(engine, prompt).prompt_tokens == 4
    tokens = GenerationRequest(model=MODEL, prompt=(1, 2, 10**9), max_tokens=8)
    assert answer(engine, tokens).completion_tokens == 8
    assert answer(engine, replace(prompt, prompt="")).completion_tokens == 8


def test_a_prompt_is_counted_where_nothing_may_be_said(engine: Engine) -> None:
    counted = answer(engine, asking(max_tokens=0))
    assert (counted.pieces, counted.completion_tokens) == ((), 0)
    assert counted.prompt_tokens == answer(engine, asking()).prompt_tokens


def vector(engine: Engine, text: str | tuple[int, ...]) -> tuple[float, ...]:
    return engine.embed(EmbeddingRequest(model=MODEL, input=text), lambda _: None).vector


def product(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def test_texts_are_vectors_of_length_one_alike_where_texts_are(engine: Engine) -> None:
    cat, kitten, tax = (
        vector(engine, text)
        for text in ("The cat sleeps.", "The kitten sleeps.", "Tax law of 1987, paragraph 12")
    )
    assert len(cat) == 576
    for one in (cat, kitten, tax):
        assert math.isclose(math.hypot(*one), 1, abs_tol=1e-5)
    assert product(cat, kitten) > product(cat, tax)
    assert vector(engine, "The cat sleeps. " * 30) == vector(engine, "The cat sleeps. " * 30)
    assert vector(engine, (1, 2, 60_000)) == vector(engine, (1, 2, 60_000 % 49_152))


def test_a_text_that_has_no_vector_is_refused(engine: Engine) -> None:
    for text in ("", "word " * 9000):
        with pytest.raises(RequestError) as caught:
            vector(engine, text)
        assert caught.value.param == "input"


def test_no_kind_of_request_leaves_traces_in_the_next(engine: Engine) -> None:
    requests = [
        asking(),
        json_about(ANN),
        asking("What's the weather in Paris?", tools=TOOLS),
        asking(top_logprobs=2),
        asking("dice", temperature=1, seed=4),
    ]
    alone = {request: answer(engine, request) for request in requests}
    for request in reversed(requests):
        vector(engine, "something else")
        assert answer(engine, request) == alone[request]


def test_sampling_parameters_of_other_servers_are_used(engine: Engine) -> None:
    hot = asking(temperature=2, seed=1)
    greedy = answer(engine, asking()).text
    for extras in (("top_k", "1"), ("min_p", "1.0")):
        assert answer(engine, replace(hot, extras=(extras,))).text == greedy
    assert answer(engine, hot).text != greedy
    repeating = asking("Say hello hello hello.", max_tokens=40)
    for name in ("repeat_penalty", "repetition_penalty"):
        punished = replace(repeating, extras=((name, "1.8"),))
        assert answer(engine, punished).text != answer(engine, repeating).text
    for name, value in (("top_k", '"many"'), ("min_p", "true"), ("chat_template_kwargs", "1")):
        with pytest.raises(RequestError) as caught:
            answer(engine, replace(hot, extras=((name, value),)))
        assert caught.value.param == name


def test_a_prompt_that_is_too_long_loses_its_oldest_messages_where_it_may(engine: Engine) -> None:
    filler = "word " * 4500
    call = ToolCall("get_weather", '{"city":"Paris"}', "x")
    history = (
        Message("system", "Be brief."),
        Message("user", filler),
        Message("assistant", filler, tool_calls=(call,)),
        Message("tool", filler, tool_call_id="x"),
        Message("user", "What is the capital of France"),
    )
    long = replace(asking(max_tokens=8), messages=history)
    with pytest.raises(ContextLengthExceeded):
        answer(engine, long)
    result = answer(engine, replace(long, truncate=True))
    kept = replace(long, messages=(history[0], history[-1]))
    assert result == answer(engine, kept)
    alone = replace(long, messages=(Message("user", filler * 3),), truncate=True)
    with pytest.raises(ContextLengthExceeded):
        answer(engine, alone)
