"""Equal requests have equal keys however they were written; a different answer, a different key."""

import json
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmtape.generation import (
    EmbeddingRequest,
    GenerationRequest,
    JsonFormat,
    Message,
    Request,
    Tool,
    ToolCall,
)
from slmtape.keys import canonical, json_text, key, restore
from slmtape.protocols import Incoming, Served
from slmtape.protocols.openai.chat import parse
from tests.support import request_for

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
ROLES = st.sampled_from(["system", "developer", "user", "assistant"])
DECIMALS = st.floats(allow_nan=False, allow_infinity=False)
INT64 = st.integers(-(2**63), 2**63 - 1)

TOKENS = st.lists(st.integers(0, 50_000), max_size=4).map(tuple)
SCHEMAS = st.dictionaries(TEXT, TEXT | st.integers() | st.lists(TEXT, max_size=2), max_size=3).map(
    json_text
)
CALLS = st.builds(ToolCall, name=TEXT, arguments=TEXT | SCHEMAS, id=TEXT)
MESSAGES = st.builds(
    Message,
    role=ROLES | st.just("tool"),
    content=TEXT,
    name=st.none() | TEXT,
    tool_calls=st.just(()) | st.lists(CALLS, max_size=2).map(tuple),
    tool_call_id=st.none() | TEXT,
)

EXTRAS = st.dictionaries(TEXT, st.integers(-9, 9) | st.booleans(), max_size=2).map(
    lambda extras: tuple((name, json_text(value)) for name, value in extras.items())
)
REQUESTS = st.builds(
    GenerationRequest,
    model=st.sampled_from(["smollm2-135m", "other"]),
    messages=st.lists(MESSAGES, max_size=4).map(tuple),
    prompt=st.none() | TEXT | TOKENS,
    tools=st.lists(
        st.builds(
            Tool,
            name=st.sampled_from("abc"),
            description=st.none() | TEXT,
            parameters=st.none() | SCHEMAS,
        ),
        max_size=2,
    ).map(tuple),
    tool_choice=st.sampled_from(["auto", "required"]),
    allowed_tools=st.just(()) | st.just(("a",)),
    parallel_tool_calls=st.booleans(),
    response_format=st.none()
    | st.builds(JsonFormat, schema=st.none() | SCHEMAS, description=st.none() | TEXT),
    top_logprobs=st.none() | st.integers(0, 20),
    reasoning_effort=st.none() | st.sampled_from(["low", "high"]),
    truncate=st.booleans(),
    extras=EXTRAS,
    temperature=st.just(0) | st.floats(0, 2),
    top_p=st.floats(0, 1),
    presence_penalty=st.floats(-2, 2),
    frequency_penalty=st.floats(-2, 2),
    logit_bias=st.dictionaries(st.integers(0, 10**6), st.floats(-100, 100), max_size=3).map(
        lambda biases: tuple(biases.items())
    ),
    max_tokens=st.none() | st.integers(1, 2**31 - 1),
    stop=st.lists(TEXT, max_size=4).map(tuple),
    seed=st.none() | INT64,
)

BODIES = st.fixed_dictionaries(
    {
        "model": st.just("m"),
        "messages": st.lists(
            st.fixed_dictionaries({"role": ROLES, "content": TEXT}, optional={"name": TEXT}),
            min_size=1,
            max_size=3,
        ),
    },
    optional={
        "temperature": st.integers(0, 2) | st.floats(0, 2),
        "top_p": st.floats(0, 1),
        "seed": INT64,
        "max_tokens": st.integers(1, 500),
        "stop": TEXT | st.lists(TEXT, min_size=1, max_size=4),
        "presence_penalty": st.floats(-2, 2),
        "frequency_penalty": st.integers(-2, 2),
        "logit_bias": st.dictionaries(
            st.integers(0, 10**6).map(str), st.integers(-100, 100), max_size=3
        ),
    },
)
DEFAULTS = {
    "temperature": 0,
    "top_p": 1,
    "presence_penalty": 0.0,
    "frequency_penalty": 0,
    "logit_bias": {},
    "n": 1,
    "stream": False,
    "logprobs": False,
    "response_format": {"type": "text"},
    "user": "somebody",
    "store": False,
    "metadata": {"any": "thing"},
    "service_tier": "flex",
    "stop": None,
    "seed": None,
    "max_tokens": None,
}


def key_of(body: dict[str, Any]) -> str:
    incoming = Incoming(Served(["m"], {}), json.dumps(body).encode(), "application/json")
    return key(parse(incoming).request)


EMBEDDINGS = st.builds(
    EmbeddingRequest, model=st.sampled_from("ab"), input=TEXT | TOKENS, extras=EXTRAS
)


@given(REQUESTS | EMBEDDINGS)
def test_a_request_survives_being_written(request: Request) -> None:
    written = json.loads(json.dumps(canonical(request)))
    assert restore(written) == request
    assert key(restore(written)) == key(request)


@given(REQUESTS | EMBEDDINGS, REQUESTS | EMBEDDINGS)
def test_keys_are_equal_exactly_where_requests_are(one: Request, other: Request) -> None:
    assert (key(one) == key(other)) == (one == other)


@given(BODIES, st.randoms(use_true_random=False), st.data())
def test_how_a_body_is_written_does_not_change_its_key(
    body: dict[str, Any], random: Any, data: st.DataObject
) -> None:
    written = {name: value for name, value in DEFAULTS.items() if data.draw(st.booleans())} | body
    if data.draw(st.booleans()):
        written["messages"] = [
            message | {"content": [{"type": "text", "text": message["content"]}]}
            for message in body["messages"]
        ]
    if "max_tokens" in body and data.draw(st.booleans()):
        written["max_completion_tokens"] = written.pop("max_tokens")
    if data.draw(st.booleans()):
        written |= {"stream": True, "stream_options": {"include_usage": True}}
    shuffled = list(written.items())
    random.shuffle(shuffled)
    assert key_of(dict(shuffled)) == key_of(body)


CHANGES: dict[str, Any] = {
    "model": "another",
    "messages": (Message("user", "another"),),
    "temperature": 0.5,
    "top_p": 0.5,
    "presence_penalty": 0.5,
    "frequency_penalty": 0.5,
    "logit_bias": ((5, 1.0),),
    "max_tokens": 5,
    "stop": ("another",),
    "seed": 5,
    "prompt": "another",
    "tools": (Tool("another"),),
    "tool_choice": "required",
    "allowed_tools": ("one",),
    "parallel_tool_calls": False,
    "response_format": JsonFormat(),
    "top_logprobs": 0,
    "reasoning_effort": "low",
    "truncate": True,
    "extras": (("top_k", "5"),),
}


@pytest.mark.parametrize("name", [field.name for field in fields(GenerationRequest)])
def test_every_field_of_a_sampled_request_changes_its_key(name: str) -> None:
    request = request_for(temperature=1.0, tools=(Tool("one"), Tool("two")))
    assert key(replace(request, **{name: CHANGES[name]})) != key(request)


@pytest.mark.parametrize(
    "message",
    [
        Message("system", "hello there"),
        Message("user", "hello  there"),
        Message("user", "hello there", "ann"),
        Message("user", "hello there", tool_calls=(ToolCall("f", "{}"),)),
        Message("user", "hello there", tool_call_id="x"),
    ],
)
def test_every_part_of_a_message_changes_the_key(message: Message) -> None:
    request = request_for("hello there")
    assert key(replace(request, messages=(message,))) != key(request)


def test_what_can_not_change_a_greedy_answer_is_not_in_its_key() -> None:
    request = request_for()
    for same in (
        {"temperature": 1e-40},
        {"seed": 7},
        {"top_p": 0.2},
        {"stop": ("",)},
        {"logit_bias": ((3, 0),)},
    ):
        assert key(replace(request, **same)) == key(request)


def test_seeds_that_a_double_can_not_tell_apart_have_different_keys() -> None:
    one, other = (request_for(temperature=1, seed=seed) for seed in (2**62, 2**62 + 1))
    assert key(one) != key(other)


def test_keys_stay_what_they_are() -> None:
    # Committed recordings are found by these: a change here orphans everybody's cassettes.
    assert key(request_for("hello")) == "e1b7c836227d673e"
    assert key(request_for("hello", temperature=0.7, seed=3, max_tokens=9)) == "072f619ff8bbd6e5"


def test_keys_of_embeddings_stay_what_they_are() -> None:
    request = EmbeddingRequest(model="echo", input="hello")
    assert key(request) == "74cfcc3547d5bed6"
    one, other = (("a", "1"), ("b", "2"))
    assert key(replace(request, extras=(one, other))) == key(replace(request, extras=(other, one)))
    assert key(replace(request, extras=(one,))) != key(request)


def test_ids_of_tool_calls_and_spaces_in_arguments_change_no_key() -> None:
    def history(one: str, other: str, arguments: str) -> GenerationRequest:
        calls = (ToolCall("f", arguments, one), ToolCall("g", "not JSON", other))
        results = (Message("tool", "1", tool_call_id=other), Message("tool", "2", tool_call_id=one))
        return replace(request_for(), messages=(Message("assistant", "", None, calls), *results))

    asked = history("call_x", "call_y", '{"a": [1, 2.50]}')
    assert key(asked) == key(history("fc-1", "fc-2", '{"a":[1,2.5]}'))
    assert key(asked) != key(history("call_y", "call_y", '{"a":[1,2.5]}'))
    assert [message.tool_call_id for message in asked.messages] == [None, "call_1", "call_0"]


def test_a_developer_is_a_system() -> None:
    one, other = (
        replace(request_for(), messages=(Message(role, "Be kind."),))
        for role in ("developer", "system")
    )
    assert key(one) == key(other)


def test_the_order_of_properties_is_part_of_the_key() -> None:
    one, other = (
        request_for(
            tools=(Tool("f", None, json_text({"properties": {name: {} for name in names}})),)
        )
        for names in ("ab", "ba")
    )
    assert key(one) != key(other)
    assert restore(json.loads(json.dumps(canonical(other)))) == other


def test_tools_that_can_not_be_called_leave_nothing_behind() -> None:
    bare = request_for(tool_choice="required", allowed_tools=("f",), parallel_tool_calls=False)
    assert key(bare) == key(request_for())
    tools = (Tool("f"), Tool("g"))
    every = request_for(tools=tools, allowed_tools=("g", "f"))
    assert key(every) == key(request_for(tools=tools))
    assert request_for(tools=tools, allowed_tools=("g",)).callable_tools == (Tool("g"),)


def test_a_request_that_is_not_canonical_is_not_restored() -> None:
    for change in ({"temperature": 0}, {"wrong": 1}, {"stop": ["b", "a"]}):
        with pytest.raises((TypeError, ValueError)):
            restore(canonical(request_for()) | change)
