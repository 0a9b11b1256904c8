"""Text completions without a server: a body in, requests out; results in, JSON and events out."""

import json
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import Completion
from openai.types.completion_create_params import (
    CompletionCreateParamsNonStreaming,
    CompletionCreateParamsStreaming,
)

from slmtape.errors import RequestError
from slmtape.generation import GenerationRequest, GenerationResult, Piece, Token
from slmtape.protocols import Incoming, Served
from slmtape.protocols.openai.completions import CompletionCall, parse
from slmtape.protocols.openai.completions_answer import Logprobs
from slmtape.protocols.openai.completions_body import FIELDS, Body

SERVED = Served(["echo"], {"davinci-002": "echo"})
RESULT = GenerationResult(
    pieces=(Piece(" ag"), Piece("áin")),
    finish_reason="length",
    prompt_tokens=3,
    completion_tokens=2,
)


def body(prompt: Any = "once", **fields: Any) -> dict[str, Any]:
    return {"model": "echo", "prompt": prompt, **fields}


def call(asked: dict[str, Any], served: Served = SERVED) -> CompletionCall:
    return parse(Incoming(served, json.dumps(asked).encode(), "application/json"))


def refusal(asked: dict[str, Any]) -> RequestError:
    with pytest.raises(RequestError) as caught:
        call(asked)
    return caught.value


def test_a_body_with_everything_is_understood() -> None:
    parsed = call(
        {
            "model": "davinci-002",
            "prompt": ["once", "twice"],
            "best_of": 2,
            "echo": False,
            "frequency_penalty": -1,
            "logit_bias": {"5": -100},
            "logprobs": 3,
            "max_tokens": 20,
            "n": 2,
            "presence_penalty": 1,
            "seed": 42,
            "stop": ["\n", "END"],
            "stream": True,
            "stream_options": {"include_usage": True},
            "suffix": None,
            "temperature": 0.5,
            "top_p": 0.9,
            "user": "ann",
        }
    )
    assert parsed.requests == [
        GenerationRequest(
            model="echo",
            prompt=prompt,
            frequency_penalty=-1.0,
            logit_bias=((5, -100.0),),
            top_logprobs=3,
            max_tokens=20,
            presence_penalty=1.0,
            seed=42,
            stop=("\n", "END"),
            temperature=0.5,
            top_p=0.9,
        )
        for prompt in ("once", "twice")
    ]
    assert (parsed.n, parsed.stream) == (2, True)
    assert parsed.form.model == "davinci-002"


def test_defaults_are_temperature_0_and_16_tokens() -> None:
    [request] = call({"model": "echo", "prompt": "once", "max_tokens": None}).requests
    assert (request.temperature, request.max_tokens, request.top_logprobs) == (0, 16, None)


@pytest.mark.parametrize(
    ("given", "prompts"),
    [
        ("once", ["once"]),
        ("", [""]),
        (["once"], ["once"]),
        (["a", "", "b"], ["a", "", "b"]),
        ([1, 2], [(1, 2)]),
        ([[1, 2], [3]], [(1, 2), (3,)]),
        (None, ["<|endoftext|>"]),
    ],
    ids=str,
)
def test_a_prompt_is_text_or_token_ids_one_or_many(given: Any, prompts: list[Any]) -> None:
    assert [request.prompt for request in call(body(given)).requests] == prompts


MISTAKES: list[tuple[dict[str, Any], str | None, str | None, str]] = [
    ({"model": None}, None, None, "you must provide a model parameter"),
    ({"model": "gpt-9"}, None, "model_not_found", "Served here: echo, davinci-002"),
    ({"prompt": []}, "prompt", "empty_array", "minimum length 1"),
    ({"prompt": [[]]}, "prompt[0]", "empty_array", "minimum length 1"),
    ({"prompt": 5}, "prompt", "invalid_type", "one of a string or array of strings"),
    ({"prompt": [None]}, "prompt[0]", "invalid_type", "expected a string, but got null"),
    ({"prompt": ["a", 1]}, "prompt[1]", "invalid_type", "expected a string, but got an integer"),
    ({"prompt": [1, "a"]}, "prompt[1]", "invalid_type", "expected an integer, but got a string"),
    ({"prompt": [True]}, "prompt[0]", "invalid_type", "expected an integer, but got a boolean"),
    ({"prompt": [1.5]}, "prompt[0]", "invalid_type", "expected an integer, but got a decimal"),
    ({"prompt": [-1]}, "prompt[0]", "integer_below_min_value", ">= 0, but got -1"),
    ({"prompt": [[1], ["a"]]}, "prompt[1][0]", "invalid_type", "expected an integer"),
    ({"prompt": [[1], 2]}, "prompt[1]", "invalid_type", "expected an array, but got an integer"),
    ({"prompt": ["a"] * 2049}, "prompt", "array_above_max_length", "maximum length 2048"),
    ({"prompt": ["a"] * 100, "n": 100}, "n", None, "at most 2048 completions"),
    ({"suffix": "."}, "suffix", "unsupported_parameter", "'suffix' is not supported"),
    ({"best_of": 1, "n": 2}, "best_of", None, "set 'best_of' (currently 1) >= 'n' (currently 2)"),
    ({"best_of": 3}, "best_of", "unsupported_value", "give 1, or no 'best_of' at all"),
    ({"best_of": 21}, "best_of", "integer_above_max_value", "<= 20"),
    ({"echo": True, "logprobs": 0}, "echo", "unsupported_value", "'logprobs'"),
    ({"echo": True, "prompt": [1]}, "echo", "unsupported_value", "Give the prompt as text"),
    ({"echo": True, "prompt": [[1]]}, "echo", "unsupported_value", "Give the prompt as text"),
    ({"logprobs": 6}, "logprobs", "integer_above_max_value", "<= 5, but got 6"),
    ({"logprobs": True}, "logprobs", "invalid_type", "expected an integer, but got a boolean"),
    ({"max_tokens": -1}, "max_tokens", "integer_below_min_value", ">= 0, but got -1"),
    ({"n": 0}, "n", "integer_below_min_value", ">= 1, but got 0"),
    ({"temperature": 2.5}, "temperature", "decimal_above_max_value", "<= 2, but got 2.5"),
    ({"stop": ["a"] * 5}, "stop", "array_above_max_length", "maximum length 4"),
    ({"logit_bias": {"x": 1}}, "logit_bias", "invalid_value", "Invalid key in 'logit_bias': x"),
    ({"stream_options": {}}, "stream_options", None, "only allowed when 'stream' is enabled"),
    ({"messages": []}, "messages", "unknown_parameter", "Unknown parameter: 'messages'"),
    ({"top_k": 5, "n": 0}, "top_k", "unknown_parameter", "Did you mean 'top_p'?"),
]


@pytest.mark.parametrize(
    ("change", "param", "code", "words"), MISTAKES, ids=[json.dumps(m[0])[:60] for m in MISTAKES]
)
def test_a_mistake_gets_the_error_that_openai_gives(
    change: dict[str, Any], param: str | None, code: str | None, words: str
) -> None:
    error = refusal(body() | change)
    assert (error.param, error.code) == (param, code)
    assert words in error.message
    assert error.status == (404 if code == "model_not_found" else 400)


def test_a_lenient_server_takes_parameters_of_others() -> None:
    served = Served(["echo"], {}, lenient=True)
    [request] = call(body(top_k=5, min_p=0.1), served).requests
    assert request.extras == (("min_p", "0.1"), ("top_k", "5"))


def told(asked: dict[str, Any], *results: GenerationResult) -> Completion:
    parsed = call(asked)
    keys = [f"{index:016}" for index in range(len(results))]
    return Completion.model_validate(json.loads(parsed.render(keys, results)), strict=True)


def test_a_whole_answer_has_n_choices_of_each_prompt_in_order() -> None:
    other = GenerationResult(
        pieces=(Piece("else"),), finish_reason="stop", prompt_tokens=5, completion_tokens=1
    )
    completion = told(body(["a", "b"], n=2, model="davinci-002"), RESULT, RESULT, other, other)
    assert completion.model == "davinci-002"
    assert completion.id.startswith("cmpl-")
    assert [(choice.index, choice.text) for choice in completion.choices] == [
        (0, " agáin"),
        (1, " agáin"),
        (2, "else"),
        (3, "else"),
    ]
    assert [choice.finish_reason for choice in completion.choices] == ["length"] * 2 + ["stop"] * 2
    assert completion.usage
    usage = completion.usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (3 + 5, 6, 14)


def test_an_echo_puts_each_prompt_before_its_answers() -> None:
    completion = told(body(["once", "twice"], echo=True), RESULT, RESULT)
    assert [choice.text for choice in completion.choices] == ["once agáin", "twice agáin"]


EURO = "€".encode()
PROBABLE = GenerationResult(
    pieces=(
        Piece(" a", tokens=(Token(b" a", -0.1, ((b" a", -0.1), (b" b", -2.5))),)),
        Piece("€", tokens=(Token(EURO[:2], -0.2, ((b"x", -0.1),)), Token(EURO[2:], -0.3))),
        Piece("!", tokens=(Token(b"!", -0.4),)),
    ),
    finish_reason="stop",
    prompt_tokens=1,
    completion_tokens=4,
)


def test_log_probabilities_are_told_in_the_legacy_format() -> None:
    [choice] = told(body("once", logprobs=2), PROBABLE).choices
    assert choice.logprobs
    logprobs = choice.logprobs
    assert logprobs.tokens == [" a", "bytes:\\xe2\\x82", "bytes:\\xac", "!"]
    assert logprobs.token_logprobs == [-0.1, -0.2, -0.3, -0.4]
    assert logprobs.text_offset == [4, 6, 6, 7]
    assert logprobs.top_logprobs == [
        {" a": -0.1, " b": -2.5},
        {"x": -0.1, "bytes:\\xe2\\x82": -0.2},
        {"bytes:\\xac": -0.3},
        {"!": -0.4},
    ]


@pytest.mark.parametrize("logprob", [float("-inf"), float("nan")], ids=str)
def test_a_log_probability_that_json_can_not_hold_is_the_least(logprob: float) -> None:
    pieces = [Piece("a", tokens=(Token(b"a", logprob, ((b"b", logprob),)),))]
    told = Logprobs("").of(pieces)
    assert told["token_logprobs"] == [-9999.0]
    assert told["top_logprobs"] == [{"a": -9999.0, "b": -9999.0}]


@given(st.text(), st.lists(st.text(min_size=1)))
def test_offsets_point_at_the_tokens_in_prompt_and_answer(prompt: str, words: list[str]) -> None:
    pieces = [Piece(word, tokens=(Token(word.encode(), -1.0),)) for word in words]
    logprobs = Logprobs(prompt).of(pieces)
    text = prompt + "".join(words)
    for offset, token in zip(logprobs["text_offset"], logprobs["tokens"], strict=True):
        assert text[offset:].startswith(token)


def test_no_log_probabilities_are_told_where_none_are_asked_for() -> None:
    [choice] = told(body(), PROBABLE).choices
    assert choice.logprobs is None


def events(asked: dict[str, Any], *results: GenerationResult) -> list[Any]:
    rendering = call(asked).rendering(["a" * 16] * len(results))
    text = rendering.open()
    for index, result in enumerate(results):
        text += "".join(rendering.piece(index, piece) for piece in result.pieces)
    text += rendering.close(results)
    assert text.endswith("data: [DONE]\n\n")
    lines = text.removesuffix("data: [DONE]\n\n").split("\n\n")[:-1]
    return [json.loads(line.removeprefix("data: ")) for line in lines]


def test_events_say_the_same_as_the_whole_answer() -> None:
    asked = body(["once", "twice"], echo=True, stream=True)
    told_in_parts = events(asked, RESULT, PROBABLE)
    assert len({(e["id"], e["created"], e["model"], e["object"]) for e in told_in_parts}) == 1
    assert told_in_parts[0]["object"] == "text_completion"
    whole = told(asked, RESULT, PROBABLE)
    for choice in whole.choices:
        parts = [e["choices"][0] for e in told_in_parts if e["choices"][0]["index"] == choice.index]
        assert "".join(part["text"] for part in parts) == choice.text
        assert [part["finish_reason"] for part in parts][-1] == choice.finish_reason
        assert {part["finish_reason"] for part in parts[:-1]} == {None}


def test_events_tell_log_probabilities_with_their_pieces() -> None:
    told_in_parts = events(body("once", logprobs=1, stream=True), PROBABLE)
    pieces = [event["choices"][0]["logprobs"] for event in told_in_parts[:-1]]
    [choice] = told(body("once", logprobs=1), PROBABLE).choices
    assert choice.logprobs
    for name, values in choice.logprobs.model_dump().items():
        assert [value for piece in pieces for value in piece[name]] == values


def test_events_tell_the_usage_where_it_is_asked_for() -> None:
    asked = body(stream=True)
    assert all("usage" not in event for event in events(asked, RESULT))
    *others, last = events(asked | {"stream_options": {"include_usage": True}}, RESULT)
    assert {event["usage"] for event in others} == {None}
    assert last["choices"] == []
    assert last["usage"] == {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


def test_ids_and_times_derive_from_the_keys() -> None:
    parsed = call(body())
    one, same, other = (
        json.loads(parsed.render([key], [RESULT])) for key in ("a" * 16, "a" * 16, "b" * 16)
    )
    assert one == same
    assert one["id"] != other["id"]
    assert one["created"] != other["created"]


def test_every_field_of_the_client_library_is_classified() -> None:
    known = set(get_type_hints(CompletionCreateParamsNonStreaming))
    known |= set(get_type_hints(CompletionCreateParamsStreaming))
    assert known == set(FIELDS)
    assert known - set(Body.model_fields) == {"suffix"}
