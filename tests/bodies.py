"""Request bodies as the client library's types describe them, and ways to spoil them."""

import json
import types
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from random import Random
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,
    Required,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from hypothesis import strategies as st
from typing_extensions import is_typeddict

Json = Any

SCHEMAS: list[Json] = [
    {"type": "object", "properties": {}, "required": [], "additionalProperties": False},
    {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": ["string", "null"]}},
        "required": ["a", "b"],
        "additionalProperties": False,
    },
    {"type": "object", "properties": {"self": {"$ref": "#"}}},
    {"type": "array", "items": {"enum": ["x", 1, None]}},
    {"type": "nonsense"},
    {},
]
TEXT = st.sampled_from(
    ["hello", "say json", "one two three", "", "<hm> yes", 'call f {"a":1}\nthen', "f", "é😀", "5"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=4,
)

SCHEMA = st.recursive(
    st.sampled_from(SCHEMAS) | st.booleans(),
    lambda inner: st.dictionaries(
        st.sampled_from(
            [
                *("type", "properties", "required", "items", "$ref", "$defs", "anyOf", "oneOf"),
                *("allOf", "not", "if", "enum", "const", "pattern", "format", "minimum", "maximum"),
                *("multipleOf", "minLength", "maxLength", "minItems", "maxItems", "uniqueItems"),
                *("additionalProperties", "patternProperties", "prefixItems", "title", "default"),
            ]
        ),
        inner
        | JSON
        | st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["a", "b", "^x", "("]), inner, max_size=2)
        | st.sampled_from(["object", "array", "string", "#", "#/$defs/a", "#/$defs/b", "(", "^a+$"])
        | st.sampled_from([["a"], ["object", "null"], "date-time", 10**9, -1, 0.1, 1e308]),
        max_size=4,
    ),
    max_leaves=8,
)
"""JSON schemas, most of which make no sense."""

LIKELY: dict[str, st.SearchStrategy[Json]] = {
    "model": st.just("echo"),
    "n": st.integers(1, 3),
    "best_of": st.integers(1, 3),
    "temperature": st.floats(0, 2),
    "top_p": st.floats(0, 1),
    "logprobs": st.booleans() | st.integers(0, 5),
    "dimensions": st.integers(1, 9),
    "max_tokens": st.integers(1, 20),
    "logit_bias": st.dictionaries(st.sampled_from(["0", "50256"]), st.integers(-100, 100)),
    "arguments": st.sampled_from(["{}", '{"a": 1}', "{", ""]),
    "parameters": st.sampled_from(SCHEMAS),
    "schema": st.sampled_from(SCHEMAS),
    "name": st.sampled_from(["f", "g", "ann"]),
    "id": st.sampled_from(["call_1", "call_2", "msg_1"]),
    "call_id": st.sampled_from(["call_1", "call_2"]),
    "tool_call_id": st.sampled_from(["call_1", "call_2"]),
    "previous_response_id": st.sampled_from(["resp_1", ""]),
}
"""Values of members that are valid more often than any value of their type."""

SIMPLE: dict[Any, st.SearchStrategy[Json]] = {
    str: TEXT,
    int: st.integers(-2, 300),
    float: st.floats(-3, 3) | st.integers(-3, 3),
    bool: st.booleans(),
    type(None): st.none(),
    object: JSON,
    Any: JSON,
}


@cache
def values(kind: Any) -> st.SearchStrategy[Json]:
    """JSON values of a type of the client library."""
    if kind in SIMPLE:
        return SIMPLE[kind]
    if is_typeddict(kind):
        return st.deferred(lambda: objects(kind))
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal:
        return st.sampled_from(inner)
    if origin in (Required, NotRequired, Annotated):
        return values(inner[0])
    if origin in (Union, types.UnionType):
        return st.one_of([values(one) for one in inner])
    if isinstance(origin, type) and issubclass(origin, dict):
        return st.dictionaries(TEXT, values(inner[1]), max_size=2)
    if isinstance(origin, type) and issubclass(origin, Iterable):
        return st.lists(values(inner[0]), min_size=1, max_size=2)
    return JSON  # open files and the like


def objects(kind: Any, optional: int = 2, needed: Sequence[str] = ()) -> st.SearchStrategy[Json]:
    """Objects of a TypedDict: with the members it must have, and up to `optional` others.

    `needed` are members that it must have as well.
    """
    hints = get_type_hints(kind, include_extras=True)
    members = {name: LIKELY.get(name, values(hint)) for name, hint in hints.items()}
    must = [n for n, hint in hints.items() if get_origin(hint) is Required or n in needed]
    may = [name for name in hints if name not in must]
    if not may:
        return st.fixed_dictionaries(members)
    others = st.lists(st.sampled_from(may), max_size=optional, unique=True)
    return others.flatmap(
        lambda chosen: st.fixed_dictionaries({name: members[name] for name in (*must, *chosen)})
    )


def completed(bodies: st.SearchStrategy[Json], parts: Sequence[Json]) -> st.SearchStrategy[Json]:
    """The bodies, half of them with members of one of the `parts` in place of their own."""
    return bodies | st.builds(lambda body, part: body | part, bodies, st.sampled_from(parts))


_FUNCTION = {"name": "f", "parameters": SCHEMAS[1]}
_CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CHAT = [
    {
        "messages": [{"role": "user", "content": 'now\ncall f {"a":1}\ncall f {}'}],
        "tools": [{"type": "function", "function": _FUNCTION}],
    },
    {
        "messages": [
            {"role": "user", "content": "hello"},
            {"role": "assistant", "tool_calls": [_CALL]},
            {"role": "tool", "tool_call_id": "call_1", "content": "call f {}"},
        ],
        "tools": [{"type": "function", "function": _FUNCTION}],
        "tool_choice": "required",
    },
    {
        "messages": [{"role": "user", "content": "<hm> <hm> yes"}],
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "yes", "schema": SCHEMAS[1], "strict": True},
        },
    },
    {"messages": [{"role": "user", "content": "one two"}], "logprobs": True, "top_logprobs": 2},
    {"messages": [{"role": "user", "content": "one two"}], "n": 2, "store": True},
]
"""Parts of chat completions that make sense together."""

RESPONSES = [
    {"input": 'now\ncall f {"a":1}\ncall f {}', "tools": [{"type": "function", **_FUNCTION}]},
    {
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "hello"}]},
            {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "call_1", "output": "call f {}"},
        ],
        "tools": [{"type": "function", **_FUNCTION}],
        "tool_choice": "required",
    },
    {
        "input": "<hm> <hm> yes",
        "text": {"format": {"type": "json_schema", "name": "yes", "schema": SCHEMAS[1]}},
    },
    {"input": "one two", "include": ["message.output_text.logprobs"], "top_logprobs": 2},
    {"input": "one two", "background": True, "store": True},
    {"input": "one two", "max_output_tokens": 16, "instructions": "hello"},
]
"""Parts of Responses that make sense together."""

AWKWARD = [
    *("null", "true", "-1", "0", "1", "129", "2147483648", "9223372036854775808", "-1e-400"),
    *("1e999", "1e308", "-0.0", "0.1", "NaN", "Infinity", "9" * 400, "9" * 5000, "01", ""),
    *('""', '"\\u0000"', '"\\ud800"', '"\\ud83d\\ude00"', '"\\ud800\\ud800"', '"echo"', '"text"'),
    *('"<one>"', f'"{"long " * 20_000}"', '"\t"', '"' + "\\n" * 100 + '"', '"call_1"'),
    *("[]", "[[]]", "[null]", "[[[1]]]", f"[{'0,' * 3000}0]", "[" * 90 + "]" * 90, "[" * 5000),
    *("{}", '{"":null}', '{"type":null}', '{"type":"text"}', '{"a":1,"a":2}', '{"a":' * 50),
    *('{"type":"function"}', '{"type":"json_schema"}', '{"type":{"type":"text"}}'),
]
"""JSON that is allowed in few places, some of it nowhere."""


def spoiled(body: Json, random: Random) -> bytes:
    """The body as JSON with one thing in it that is likely to be wrong."""
    return random.choice(SPOILERS)(body, random)


def _with_another_value(body: Json, random: Random) -> bytes:
    """Any value in it is replaced."""
    body = json.loads(json.dumps(body))
    parent, name = random.choice(_places(body))
    parent[name] = "<here>"
    return json.dumps(body).replace('"<here>"', random.choice(AWKWARD)).encode()


def _without_a_member(body: Json, random: Random) -> bytes:
    body = json.loads(json.dumps(body))
    parent, name = random.choice(_places(body))
    del parent[name]
    return json.dumps(body).encode()


def _with_another_member(body: Json, random: Random) -> bytes:
    """A member that is unknown, or known elsewhere, or there twice."""
    names = [str(name) for _, name in _places(body)]
    name = random.choice([*names, "user", "stream", "top_k", "type", "content", "~", "é", ""])
    raw = json.dumps(body)
    where = random.choice([i for i, character in enumerate(raw) if character == "{"])
    member = f"{json.dumps(name)}:{random.choice(AWKWARD)}"
    return f"{raw[: where + 1]}{member},{raw[where + 1 :]}".replace(",}", "}").encode()


def _with_another_byte(body: Json, random: Random) -> bytes:
    raw = bytearray(json.dumps(body, ensure_ascii=False).encode())
    for _ in range(random.randint(1, 3)):
        raw[random.randrange(len(raw))] = random.choice(b'\0\xff\xc3{}[],:"0-\\\n')
    return bytes(raw)


def _cut(body: Json, random: Random) -> bytes:
    raw = json.dumps(body).encode()
    return raw[: random.randrange(len(raw))]


def _places(value: Json) -> Sequence[tuple[Any, Any]]:
    """Where values stand: in what, and by which name or index."""
    names: Iterable[Any] = value if isinstance(value, dict) else range(len(value))
    found = [(value, name) for name in names]
    for _, name in tuple(found):
        if isinstance(value[name], dict | list):
            found += _places(value[name])
    return found


SPOILERS: Sequence[Callable[[Json, Random], bytes]] = (
    *[_with_another_value] * 5,
    *[_with_another_member] * 2,
    _without_a_member,
    _with_another_byte,
    _cut,
)
