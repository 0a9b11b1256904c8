"""Narrowed schemas: every answer to one is an answer to the schema it was made of."""

import datetime
import json
import random
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from typing import Any
from uuid import UUID

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import UUID4, UUID5, Base64Bytes, Base64UrlBytes, HttpUrl, TypeAdapter

from slmtape.engines.llamacpp.bounds import names
from slmtape.engines.llamacpp.formats import FORMATS
from slmtape.engines.llamacpp.schemas import COMPACT, ITEMS, LETTERS, for_generation
from slmtape.errors import RequestError
from slmtape.protocols.openai.patterns import mistake
from slmtape.protocols.openai.schema_keywords import REFUSED
from slmtape.protocols.openai.schemas import check

Schema = dict[str, Any]


def narrowed(schema: Schema) -> Any:
    return json.loads(for_generation(json.dumps(schema)))


def taken(schema: Schema) -> bool:
    """Whether the protocol lets a schema through."""
    try:
        check(schema, strict=False, what="s", param="s")
    except RequestError:
        return False
    return True


def test_a_function_without_parameters_is_called_with_an_empty_object() -> None:
    schema = json.loads(for_generation(None))
    assert (schema["type"], schema["properties"]) == ("object", {})
    assert schema["additionalProperties"] is False


def test_objects_that_list_their_properties_have_no_others() -> None:
    listed = {"type": "object", "properties": {"a": {"type": "null"}}}
    for schema in (listed, listed | {"additionalProperties": True}):
        assert narrowed(schema)["additionalProperties"] is False
        assert "patternProperties" not in narrowed(schema)


def test_maps_stay_maps() -> None:
    schema = {"type": "object", "additionalProperties": {"type": "boolean"}}
    assert list(narrowed(schema)["patternProperties"].values()) == [{"type": "boolean"}]


def test_a_listed_property_that_no_answer_can_have_is_none_of_the_others() -> None:
    schema = narrowed(
        {
            "type": "object",
            "properties": {"a": {"type": "array", "items": False, "minItems": 1}, "b": False},
        }
    )
    assert schema["properties"] == {"a": False, "b": False}
    assert "patternProperties" not in schema


def test_required_properties_that_are_not_listed_are_there() -> None:
    schema = narrowed({"type": "object", "properties": {"a": {}}, "required": ["b"]})
    assert list(schema["properties"]) == ["a", "b"]


TEXT, NULL = {"type": "string", "maxLength": 2}, {"type": "null"}


@pytest.mark.parametrize(
    "limits",
    [{"maxProperties": 1}, {"required": ["a"], "maxProperties": 1}, {"required": ["a"]}],
    ids=["optional", "no others", "others"],
)
def test_a_listed_property_is_also_what_its_pattern_says(limits: Schema) -> None:
    said = {"properties": {"a": {}}, "patternProperties": {"^a": TEXT, "^b": NULL}}
    assert narrowed({"type": "object", **said, **limits})["properties"] == {"a": TEXT}


def test_also_where_recursion_ends() -> None:
    node = {
        "type": "object",
        "properties": {"a": {}, "next": {"$ref": "#/$defs/node"}},
        "required": ["a"],
        "patternProperties": {"^a": TEXT},
    }
    schema = narrowed({"$ref": "#/$defs/node", "$defs": {"node": node}})
    ends = [part for part in schema["$defs"].values() if "next" not in part["properties"]]
    assert [part["properties"] for part in ends] == [{"a": TEXT}]


def test_a_required_property_that_is_not_listed_is_what_its_pattern_says() -> None:
    said = {"required": ["ab", "c"], "patternProperties": {"^a": TEXT}}
    schema = narrowed({"type": "object", **said, "additionalProperties": NULL})
    assert schema["properties"] == {"ab": TEXT, "c": NULL}


def test_a_pattern_that_only_others_can_read_is_taken_to_match() -> None:
    said = {"properties": {"a": {}}, "patternProperties": {r"^\p{Lu}": TEXT}}
    assert narrowed({"type": "object", **said, "maxProperties": 1})["properties"] == {"a": TEXT}


def test_what_tells_branches_apart_is_there() -> None:
    schema = {"type": "object", "properties": {"kind": {"const": "cat", "default": "cat"}}}
    assert narrowed(schema)["required"] == ["kind"]


def test_lists_and_strings_are_smaller_the_deeper_they_are() -> None:
    schema = narrowed({"type": "array", "items": {"type": "array", "items": {"type": "string"}}})
    assert [schema["maxItems"], schema["items"]["maxItems"]] == [*ITEMS[:2]]
    assert schema["items"]["items"]["maxLength"] == LETTERS[2]


def test_bounds_that_a_schema_has_are_kept() -> None:
    schema = narrowed({"type": "array", "minItems": 20, "maxItems": 30, "items": {"type": "null"}})
    assert (schema["minItems"], schema["maxItems"]) == (20, 20)
    assert narrowed({"type": "string", "minLength": 999}) == {
        "type": "string",
        "minLength": 999,
        "maxLength": 999,
    }


def test_limits_may_be_written_as_in_draft_4() -> None:
    schema = {"type": "integer", "minimum": 3, "exclusiveMinimum": True, "maximum": 5}
    assert narrowed(schema) == {"type": "integer", "exclusiveMinimum": 3, "maximum": 5}
    assert narrowed(schema | {"exclusiveMinimum": False})["minimum"] == 3


def test_objects_made_of_several_become_one() -> None:
    base = {"type": "object", "properties": {"a": {"type": "null"}}, "required": ["a"]}
    schema = {
        "allOf": [{"$ref": "#/$defs/base"}],
        "properties": {"b": {"type": "boolean"}},
        "$defs": {"base": base},
    }
    assert narrowed(schema) == {
        "type": "object",
        "properties": {"a": {"type": "null"}, "b": {"type": "boolean"}},
        "required": ["a"],
        "additionalProperties": False,
    }


def test_what_is_said_beside_a_choice_is_said_in_each_branch() -> None:
    branches = [{"required": ["a"]}, {"required": ["b"]}]
    properties = {"a": {"type": "null"}, "b": {"type": "null"}}
    schema = narrowed({"type": "object", "properties": properties, "anyOf": branches})
    assert [branch["required"] for branch in schema["anyOf"]] == [["a"], ["b"]]
    assert all(branch["additionalProperties"] is False for branch in schema["anyOf"])


TREE = {
    "$ref": "#/$defs/node",
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "value": {"type": "integer"},
                "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
                "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
                "maybe": {"$ref": "#/$defs/node"},
            },
            "required": ["value", "children", "next"],
        }
    },
}


def test_recursion_ends() -> None:
    schema = narrowed(TREE)
    leads = {
        name: {word for word in json.dumps(part).split('"') if word.startswith("#/$defs/")}
        for name, part in schema["$defs"].items()
    }
    ended: set[str] = set()
    while more := {name for name, to in leads.items() if {t[8:] for t in to} <= ended} - ended:
        ended |= more
    assert ended == set(schema["$defs"])
    assert len(ended) > 2


READERS = {
    "date-time": datetime.datetime,
    "date": datetime.date,
    "time": datetime.time,
    "duration": datetime.timedelta,
    "uri": HttpUrl,
    "ipv4": IPv4Address,
    "ipv6": IPv6Address,
    "uuid": UUID,
    "uuid4": UUID4,
    "uuid5": UUID5,
    "base64": Base64Bytes,
    "base64url": Base64UrlBytes,
}


READ: dict[str, Callable[[str], object]] = {
    name: TypeAdapter(reader).validate_python for name, reader in READERS.items()
}
TEXTS_OF = {name: st.from_regex(form.pattern.replace("$", r"\Z")) for name, form in FORMATS.items()}


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=25)  # for each of forty
@given(data=st.data())
def test_simplest_forms_are_of_their_format(name: str, data: st.DataObject) -> None:
    text = data.draw(TEXTS_OF[name])
    assert FORMATS[name].shortest <= len(text) <= FORMATS[name].longest
    if name in READ:
        READ[name](text)


def test_names_of_a_map_are_none_of_those_listed() -> None:
    assert names(["apple", "Berry"]) == (
        "^[ACDEFGHIJKLMNOPQRSTUVWXYZbcdefghijklmnopqrstuvwxyz][A-Za-z0-9_-]{0,30}$"
    )
    assert names([chr(c) for c in range(128)]) is None


TEXTS = st.fixed_dictionaries(
    {"type": st.just("string")},
    optional={
        "minLength": st.integers(0, 5),
        "maxLength": st.integers(5, 500),
        "pattern": st.sampled_from(["^[a-z]+$", "^a|b$", "x", r"^\d{3}", "^é+$", "^(ab){2,}$"]),
        "format": st.sampled_from([*FORMATS, "unheard-of"]),
    },
)
NUMBERS = st.fixed_dictionaries(
    {"type": st.sampled_from(["integer", "number"])},
    optional={
        "minimum": st.integers(-9, 3) | st.floats(-9, 3, allow_subnormal=False),
        "maximum": st.integers(3, 99) | st.just(2**63),
        "exclusiveMinimum": st.integers(-99, 2),
        "exclusiveMaximum": st.integers(5, 99),
        "multipleOf": st.sampled_from([1, 2, 5, 0.5, 0.25]),
    },
)
FIXED = st.one_of(
    st.just({"type": "null"}),
    st.just({"type": "boolean"}),
    st.just({}),
    st.just({"$ref": "#/$defs/node"}),
    st.builds(lambda values: {"enum": values}, st.lists(st.integers() | st.text(), min_size=1)),
    st.builds(lambda value: {"const": value}, st.dictionaries(st.text(max_size=3), st.none())),
)
NAMES = st.sampled_from(["a", "b", "c", "d", 'é "\\', "node"])


def _objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(
        {"type": st.just("object")},
        optional={
            "properties": st.dictionaries(NAMES, inner, max_size=3),
            "required": st.lists(NAMES, max_size=3),
            "additionalProperties": st.booleans() | inner,
            "patternProperties": st.dictionaries(st.sampled_from(["^a", "^b.$", "^z+"]), inner),
            "propertyNames": st.sampled_from([{"enum": ["p", "q"]}, {"pattern": "^k"}, {}]),
            "minProperties": st.integers(0, 3),
            "maxProperties": st.integers(0, 4),
        },
    )


def _arrays(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(
        {"type": st.just("array")},
        optional={
            "items": inner | st.lists(inner, max_size=2) | st.booleans(),
            "prefixItems": st.lists(inner, min_size=1, max_size=2),
            "additionalItems": st.booleans(),
            "minItems": st.integers(0, 3),
            "maxItems": st.integers(0, 9),
            "uniqueItems": st.booleans(),
        },
    )


def _choices(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.lists(inner, min_size=1, max_size=3)
    beside: st.SearchStrategy[Any] = st.just({}) | _objects(inner)
    return st.builds(
        lambda keyword, schemas, rest: {**rest, keyword: schemas},
        st.sampled_from(["anyOf", "oneOf", "allOf"]),
        several,
        beside,
    )


SCHEMAS = st.recursive(
    TEXTS | NUMBERS | FIXED,
    lambda inner: _objects(inner) | _arrays(inner) | _choices(inner),
    max_leaves=8,
)


def _rooted(schema: Any, node: Any) -> Schema:
    """An object that holds the schema, and what it refers to."""
    return {
        "type": "object",
        "properties": {"v": schema},
        "required": ["v"],
        "$defs": {"node": node},
    }


def _of_two_drafts(schema: Schema) -> bool:
    """Whether arrays in it are written as no single draft has them."""
    text = json.dumps(schema)
    new = ("prefixItems", '"items": true', '"items": false')
    return '"items": [' in text and any(written in text for written in new)


@pytest.mark.live
@given(schema=SCHEMAS, node=SCHEMAS, seed=st.integers(0, 2**16))
def test_answers_to_a_narrowed_schema_answer_the_schema(schema: Any, node: Any, seed: int) -> None:
    root = _rooted(schema, node)
    if _of_two_drafts(root) or not taken(root):
        return
    text = answer(for_generation(json.dumps(root)), random.Random(seed))
    if text is not None:
        validator(root).validate(json.loads(text))


NODE = {"$ref": "#/$defs/node"}


@pytest.mark.live
@pytest.mark.parametrize(
    "node",
    [
        {"properties": {"next": NODE, "a": NULL}, "minProperties": 1},
        {"properties": {"next": NODE, "a": NULL}, "minProperties": 1, "maxProperties": 1},
        {"properties": {"next": {"anyOf": [NODE, NULL]}, "a": NULL}, "minProperties": 2},
        {"patternProperties": {"^n": NODE, "^a": NULL}, "minProperties": 1},
        {"type": ["object", "array"], "items": NODE, "properties": {"a": NODE}, "required": ["a"]},
        {"type": "array", "prefixItems": [NULL, NODE], "minItems": 1},
    ],
    ids=lambda node: ", ".join(node),
)
def test_recursion_ends_by_what_is_shallowest(node: Schema) -> None:
    root = _rooted(NODE, node)
    assert taken(root)
    for seed in range(20):
        text = answer(for_generation(json.dumps(root)), random.Random(seed))
        assert text
        validator(root).validate(json.loads(text))


def validator(schema: Schema) -> jsonschema.protocols.Validator:
    """JSON Schema's own opinion, of the draft that the schema is written in."""
    text = json.dumps(schema)
    if '"items": [' in text:
        return jsonschema.Draft201909Validator(schema)
    return jsonschema.Draft202012Validator(schema)


FOR_THE_ENGINE = (
    *("nsatisfiable", "circular references with sibling keys"),
    # of objects that several schemas speak of
    *("min/maxProperties only supported", "are not disjoint", "intersection stack level"),
)
"""What no one but llguidance finds wrong: schemas that together leave no answer, for example."""


def answer(schema: str, chosen: random.Random) -> str | None:
    """A random answer as llguidance lets it through; None: too long, or there is none."""
    import llguidance

    grammar = llguidance.LLMatcher.grammar_from_json_schema(schema, overrides=COMPACT)
    tokens = llguidance.LLTokenizer("byte")
    matcher = llguidance.LLMatcher(tokens, grammar, log_level=0)
    if matcher.is_error():
        assert any(words in matcher.get_error() for words in FOR_THE_ENGINE), matcher.get_error()
        return None
    said = bytearray()
    while not matcher.is_stopped():
        mask = matcher.compute_bitmask()
        assert not matcher.is_error(), matcher.get_error()
        allowed = [n for n in range(256) if mask[n // 8] >> n % 8 & 1]
        if not allowed or len(said) > 1500:
            return said.decode() if matcher.is_accepting() else None
        ends = [n for n in allowed if n in b'"}]']
        plain = [n for n in allowed if n in b'abkz0159.,:-{["']
        some = ends if ends and chosen.random() < 0.3 else plain or allowed
        byte = chosen.choice(some if chosen.random() < 0.9 else allowed)
        assert matcher.consume_token(byte), matcher.get_error()
        said.append(byte)
    return said.decode()


def mistake_of_llguidance(schema: Any) -> str:
    import llguidance

    written = llguidance.LLMatcher.grammar_from_json_schema(json.dumps(schema), overrides=COMPACT)
    return str(llguidance.LLMatcher.validate_grammar(written))


@pytest.mark.live
@pytest.mark.parametrize("keyword", REFUSED)
def test_what_is_refused_is_what_llguidance_can_not_do(keyword: str) -> None:
    assert "Unimplemented keys" in mistake_of_llguidance({"type": "object", keyword: {}})


@pytest.mark.live
@given(st.text(alphabet="ab1-^$|()?:*+{},[]\\dwpé.<> ", max_size=12))
def test_a_pattern_that_is_taken_is_one_for_llguidance(pattern: str) -> None:
    if mistake(pattern) is None:
        assert mistake_of_llguidance({"type": "string", "pattern": pattern}) == ""


@pytest.mark.live
@pytest.mark.parametrize("name", FORMATS)
def test_the_simplest_forms_are_patterns_for_llguidance(name: str) -> None:
    assert not mistake_of_llguidance({"type": "string", "pattern": FORMATS[name].pattern})
