"""Which schemas are taken, which are refused, and in which words."""

import json
import re
from collections.abc import Callable
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.lib._pydantic import to_strict_json_schema
from pydantic import AnyUrl, BaseModel, ConfigDict, Field

from slmtape.errors import RequestError
from slmtape.protocols.openai.schema_keywords import HELD, REFUSED
from slmtape.protocols.openai.schemas import check

Schema = dict[str, Any]


def take(schema: Any, *, strict: bool = False, code: str | None = None) -> str:
    return check(schema, strict=strict, what="response_format 'r'", param="p", code=code)


def refused(schema: Any, *, strict: bool = False, code: str | None = None) -> str:
    """What is said after the schema's name."""
    with pytest.raises(RequestError) as caught:
        take(schema, strict=strict, code=code)
    assert (caught.value.param, caught.value.code, caught.value.status) == ("p", code, 400)
    return caught.value.message.removeprefix("Invalid schema for response_format 'r': ")


def holding(schema: Any, **more: Any) -> Schema:
    """An object whose property `a` matches the schema."""
    closed = {"required": ["a"], "additionalProperties": False}
    return {"type": "object", "properties": {"a": schema}, **closed, **more}


def object_of(*names: str, **fields: Any) -> Schema:
    """A closed object, with these properties, all required."""
    properties = {name: {"type": "string"} for name in names} | fields
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


IN_A = "In context=('properties', 'a'), "


def test_a_schema_comes_back_as_text_in_its_order() -> None:
    schema = {"type": "object", "properties": {"b": {"type": "string"}, "a": {"type": "number"}}}
    assert take(schema) == json.dumps(schema, separators=(",", ":"))


def test_the_error_names_what_was_asked_for() -> None:
    with pytest.raises(RequestError) as caught:
        check(
            {"type": "array"},
            strict=False,
            what="function 'f'",
            param="tools[0].function.parameters",
            code="invalid_function_parameters",
        )
    assert caught.value.message == (
        "Invalid schema for function 'f': schema must be a JSON Schema of 'type: \"object\"', "
        "got 'type: \"array\"'."
    )
    assert caught.value.param == "tools[0].function.parameters"


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"
    lives: Annotated[int, Field(ge=1, le=9)] = 9


class Dog(BaseModel):
    kind: Literal["dog"]
    name: str | None = Field(None, description="What it is called.", examples=["Rex"])


class Node(BaseModel):
    value: str
    children: list["Node"] = []


class Everything(BaseModel):
    model_config = ConfigDict(extra="allow", json_schema_extra={"x-made-by": "hand"})

    pet: Annotated[Cat | Dog, Field(discriminator="kind")]
    either: Cat | Dog | None = None
    colours: list[Colour] = []
    tags: set[str] = set()
    pair: tuple[int, str]
    scores: dict[str, float] = {}
    shades: dict[Colour, int] = {}
    coded: dict[Annotated[str, Field(pattern="^[a-z]{2}$")], str] = {}
    raw: bytes = b""
    site: AnyUrl
    anything: Any = None
    tree: Node
    code: Annotated[str, Field(pattern=r"^[A-Z]{2}\d{3}$", min_length=5)]
    price: Annotated[float, Field(gt=0, multiple_of=0.01)]


ZOD = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {
        "id": {"type": "string", "format": "uuid", "pattern": "^[0-9a-f-]{36}$"},
        "age": {"type": "integer", "exclusiveMinimum": 0, "maximum": 9007199254740991},
        "meta": {
            "type": "object",
            "propertyNames": {"type": "string"},
            "additionalProperties": {},
        },
        "shape": {
            "anyOf": [
                {"type": "object", "properties": {"t": {"type": "string", "const": "a"}}},
                {"type": "null"},
            ]
        },
        "old": {"type": "number", "minimum": 0, "exclusiveMinimum": True, "nullable": True},
        "self": {"$ref": "#/properties/shape"},
        "pair": {"type": "array", "items": [{"type": "string"}], "additionalItems": False},
    },
    "required": ["id"],
    "additionalProperties": False,
}


@pytest.mark.parametrize("schema", [Everything.model_json_schema(), Node.model_json_schema(), ZOD])
def test_what_libraries_write_is_taken(schema: Schema) -> None:
    assert json.loads(take(schema)) == schema


@pytest.mark.parametrize("model", [Cat, Dog, Node])
def test_what_the_client_library_makes_strict_keeps_the_strict_rules(
    model: type[BaseModel],
) -> None:
    schema = to_strict_json_schema(model)
    schema.get("properties", {}).get("kind", {}).pop("default", None)
    schema.get("properties", {}).get("lives", {}).pop("default", None)
    schema.get("properties", {}).get("name", {}).pop("examples", None)
    for part in schema.get("$defs", {}).values():
        part["properties"]["children"].pop("default", None)
    assert take(schema, strict=True)


STRICT = [
    (
        {"type": "object", "properties": {}},
        "In context=(), 'additionalProperties' is required to be supplied and to be false.",
    ),
    (
        {"type": "object", "properties": {"a": {"type": "null"}}, "additionalProperties": False},
        "In context=(), 'required' is required to be supplied and to be an array including every "
        "key in properties. Missing 'a'.",
    ),
    (
        {"type": "object", "properties": {}, "required": ["b"], "additionalProperties": False},
        "In context=(), Extra required key 'b' supplied.",
    ),
    (
        holding({"type": "object", "properties": {}}),
        IN_A + "'additionalProperties' is required to be supplied and to be false.",
    ),
    (holding({"type": "string", "default": "x"}), IN_A + "'default' is not permitted."),
    (holding({"oneOf": [{"type": "string"}]}), IN_A + "'oneOf' is not permitted."),
    (holding({"allOf": [{"type": "string"}]}), IN_A + "'allOf' is not permitted."),
    (holding({"type": "string", "x-y": 1}), IN_A + "'x-y' is not permitted."),
    (holding({}), IN_A + "schema must have a 'type' key."),
    (holding({"type": "array"}), IN_A + "array schema missing items."),
    (holding({"type": "string", "format": "uri"}), IN_A + "'uri' is not a valid format."),
    (
        holding({"$ref": "#/$defs/b", "description": "d"}, **{"$defs": {"b": {"type": "null"}}}),
        IN_A + "$ref cannot have keywords {'description'}.",
    ),
    (
        holding({"anyOf": [{"type": "string"}, {"type": "object"}]}),
        "In context=('properties', 'a', 'anyOf', '1'), "
        "'additionalProperties' is required to be supplied and to be false.",
    ),
    (
        {"anyOf": [object_of()], **object_of()},
        "schema must be a JSON Schema of 'type: \"object\"', got 'type: \"object\"'.",
    ),
]


@pytest.mark.parametrize(("schema", "words"), STRICT)
def test_strict_schemas_keep_openais_rules(schema: Schema, words: str) -> None:
    assert refused(schema, strict=True) == words


@pytest.mark.parametrize("schema", [schema for schema, words in STRICT if "Extra" not in words])
def test_other_schemas_need_not(schema: Schema) -> None:
    assert take(schema)


@pytest.mark.parametrize(
    "schema",
    [
        holding({"anyOf": [{"$ref": "#"}, {"type": "null"}]}),
        holding({"type": ["string", "null"], "enum": ["a", None]}),
        holding({"type": "string", "format": "date-time", "pattern": "^2"}),
        holding({"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 3}),
        holding({"type": "number", "minimum": 0, "maximum": 1, "multipleOf": 0.01}),
        holding({"type": "string", "const": "a"}),
    ],
)
def test_strict_schemas_may_say_this(schema: Schema) -> None:
    assert take(schema, strict=True)


def nested(levels: int) -> Schema:
    schema: Schema = object_of()
    for _ in range(levels):
        schema = object_of(a=schema)
    return schema


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        (nested(11), "10 levels of nesting at most, but this has 11"),
        (holding({"enum": list(range(1001))}), "1000 enum values in total at most"),
        (object_of("n" * 120_001), "120000 characters of names"),
        (object_of(*map(str, range(5001))), "too large"),
    ],
)
def test_strict_schemas_are_not_too_large(schema: Schema, words: str) -> None:
    assert words in refused(schema, strict=True)
    if "too large" not in words:
        assert take(schema)


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"not": {}}, "'not' is not supported by this server"),
        ({"if": {}, "then": {}}, "'if' is not supported"),
        ({"type": "array", "contains": {}}, "'contains' is not supported"),
        ({"type": "object", "dependentRequired": {}}, "'dependentRequired' is not supported"),
        ({"type": "object", "unevaluatedProperties": False}, "'unevaluatedProperties' is not"),
        ({"$dynamicRef": "#n"}, "'$dynamicRef' is not supported"),
        ({"$ref": "https://example.com/s.json"}, "reference 'https://example.com/s.json' can't be"),
        ({"$ref": "#/$defs/none"}, "reference '#/$defs/none' can't be resolved"),
        ({"$ref": "#/required/9"}, "reference '#/required/9' can't be resolved"),
        ({"$ref": 3}, "'$ref' must be a string"),
        ({"type": "text"}, "'text' is not valid under any of the given schemas"),
        ({"type": None}, "None is not valid"),
        ({"type": []}, "[] is not valid"),
        ({"type": "object", "properties": []}, "'properties' must be an object of schemas"),
        ({"type": "object", "required": "a"}, "'required' must be an array of strings"),
        ({"anyOf": []}, "'anyOf' must be an array of at least one schema"),
        ({"enum": []}, "'enum' must be an array of at least one value"),
        ({"enum": [2**53]}, "which can't be told apart"),
        ({"type": "string", "enum": [1]}, "'enum' has no value of type 'string'"),
        ({"type": "integer", "const": "a"}, "'const' has no value of type 'integer'"),
        ({"type": "string", "minLength": -1}, "'minLength' must be a non-negative integer"),
        ({"type": "string", "minLength": 10**6}, "'minLength' can be 100000 at most"),
        ({"type": "string", "minLength": 3, "maxLength": 2}, "'minLength' is greater than"),
        ({"type": "array", "minItems": 3, "maxItems": 2}, "'minItems' is greater than"),
        ({"type": "array", "uniqueItems": True, "minItems": 2}, "'uniqueItems' can't be kept"),
        ({"type": "integer", "minimum": 3, "maximum": 2}, "no number is within"),
        ({"type": "integer", "minimum": 1.2, "maximum": 1.8}, "no number is within"),
        ({"type": "number", "exclusiveMinimum": 1, "maximum": 1}, "no number is within"),
        ({"type": "integer", "multipleOf": 7, "minimum": 1, "maximum": 6}, "no number is within"),
        ({"type": "integer", "minimum": 2**60}, "'minimum' leaves only numbers beyond"),
        ({"type": "number", "minimum": 1e-200}, "'minimum' 1e-200 has too many digits"),
        ({"type": "number", "multipleOf": 0}, "'multipleOf' must be a number greater than 0"),
        ({"type": "number", "multipleOf": 0.123456}, "'multipleOf' 0.123456 has too many digits"),
        ({"type": "string", "pattern": "(?=a)"}, "'pattern' '(?=a)' has something at position 0"),
        ({"type": "string", "pattern": "a$b"}, "has a '$' that is not at the end"),
        ({"type": "string", "pattern": "(a"}, "is not a valid regular expression"),
        ({"type": "string", "pattern": "é", "maxLength": 2}, "'pattern' must begin with '^'"),
        ({"oneOf": [{"type": "integer"}, {"type": "number"}]}, "the schemas of 'oneOf' may match"),
        (
            {"type": "object", "patternProperties": {"^a": {}, "b$": {}}},
            "must begin with '^' and different letters",
        ),
        ({"type": "object", "minProperties": 2}, "'minProperties' can't be kept"),
        ({"type": "object", "required": ["a", "b"], "maxProperties": 1}, "'required' names more"),
        (
            {"type": "object", "required": ["b"], "additionalProperties": False},
            "'required' names 'b', which 'properties' does not have",
        ),
        ({"type": "object", "propertyNames": {"minLength": 2}}, "'propertyNames' can be an 'enum'"),
        ("string", "'string' is not of type 'object', 'boolean'"),
    ],
)
def test_what_no_answer_can_be_held_to_is_refused_with_its_path(schema: Any, words: str) -> None:
    said = refused(holding(schema))
    assert said.startswith(IN_A)
    assert words in said


_ENDLESS = {"properties": {"b": {"$ref": "#"}}, "required": ["b"]}


@pytest.mark.parametrize(
    "schema",
    [
        holding({"$ref": "#/$defs/a"}, **{"$defs": {"a": {"$ref": "#/$defs/a"}}}),
        holding({"anyOf": [{"$ref": "#/properties/a"}, {"type": "null"}]}),
        holding({"$ref": "#"}),
        holding(False),
        holding({"type": "array", "items": {"$ref": "#"}, "minItems": 1}),
        holding({"allOf": [{"type": "string"}, {"$ref": "#"}]}),
        holding(_ENDLESS),
        holding({"type": ["object", "array"], **_ENDLESS, "items": False, "minItems": 1}),
        holding({"type": "object", "properties": {"b": {"$ref": "#"}}, "minProperties": 1}),
        holding({"type": "object", "additionalProperties": {"$ref": "#"}, "minProperties": 1}),
        holding({"type": "object", "required": ["b"], "patternProperties": {"^b": {"$ref": "#"}}}),
    ],
)
def test_a_schema_whose_answers_never_end_is_refused(schema: Schema) -> None:
    assert re.search("no answer|may not be there|refers to itself", refused(schema))


def test_arrays_of_functions_say_what_is_in_them() -> None:
    schema = holding({"type": "array"})
    assert refused(schema, code="invalid_function_parameters") == IN_A + (
        "array schema missing items."
    )
    assert take(schema)


@pytest.mark.parametrize(
    "branches",
    [
        [{"type": "string"}, {"type": "integer"}],
        [{"const": 1}, {"const": 2}, {"type": "string"}],
        [{"type": "integer", "maximum": 3}, {"type": "integer", "exclusiveMinimum": 3}],
        [object_of(k={"const": "a"}), object_of(k={"const": "b"})],
        [object_of("a"), object_of("b")],
        [{"enum": [1, "a"]}, {"enum": [2, "b"]}, {"enum": [True, None]}],
        [object_of(k=object_of(d={"const": 1})), object_of(k=object_of(d={"enum": [2, 3]}))],
    ],
)
def test_one_of_several_is_taken_where_they_exclude_each_other(branches: list[Any]) -> None:
    assert take(holding({"oneOf": branches}))
    again = [*branches, branches[0]]
    assert "the schemas of 'oneOf' may match the same value" in refused(holding({"oneOf": again}))


def test_what_references_lead_to_is_looked_at_wherever_it_is() -> None:
    schema = holding({"$ref": "#/components/b"}, components={"b": {"not": {}}})
    assert refused(schema).startswith("In context=('components', 'b'), 'not'")


def deep(levels: int) -> Schema:
    schema: Schema = {"type": "string"}
    for _ in range(levels):
        schema = {"type": "array", "items": schema}
    return holding(schema)


def many() -> Schema:
    names = [f"d{number}" for number in range(3000)]
    defined = {name: {"anyOf": [{"$ref": f"#/$defs/{name}"}] * 2} for name in names}
    return holding({"$ref": "#/$defs/d0"}, **{"$defs": defined})


@pytest.mark.parametrize(
    "make", [lambda: deep(70), lambda: deep(5000), many, lambda: deep(0) | {"x": [0] * 10**6}]
)
def test_a_schema_that_would_take_long_to_look_at_is_refused(make: Callable[[], Schema]) -> None:
    assert refused(make()) == "it is too large for this server, or too deeply nested."


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)
KEYWORDS = st.sampled_from([*HELD, *REFUSED, "default", "title"])
WORDS = st.sampled_from(["string", "object", "array", "integer", "#", "#/$defs/a", "^a$", "a"])
ANYTHING = st.recursive(
    JSON | WORDS,
    lambda inner: (
        st.dictionaries(KEYWORDS, inner, max_size=4)
        | st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "^a$"]), inner, max_size=2)
    ),
    max_leaves=20,
)


@given(schema=ANYTHING, strict=st.booleans())
def test_whatever_is_sent_is_taken_or_refused(schema: Any, strict: bool) -> None:
    for sent in (schema, holding(schema)):
        try:
            text = take(sent, strict=strict)
        except RequestError:
            continue
        assert json.loads(text) == sent
