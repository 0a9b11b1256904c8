"""Embeddings without a server: a body in, requests out; vectors in, JSON out."""

import base64
import json
import math
import struct
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import CreateEmbeddingResponse, EmbeddingCreateParams

from slmtape.errors import RequestError
from slmtape.generation import EmbeddingRequest, EmbeddingResult
from slmtape.keys import key
from slmtape.protocols import Incoming, Served
from slmtape.protocols.openai.embeddings import FIELDS, Body, EmbeddingCall, parse, shortened

SERVED = Served(["echo"], {"text-embedding-3-small": "echo"})
KEYS = ["a" * 16]


def floats(*numbers: float) -> tuple[float, ...]:
    """The numbers as 32-bit floats."""
    return struct.unpack(f"<{len(numbers)}f", struct.pack(f"<{len(numbers)}f", *numbers))


RESULT = EmbeddingResult(vector=floats(0.6, 0.0, -0.64, 0.48), prompt_tokens=3)


def body(text: Any = "hello", **fields: Any) -> dict[str, Any]:
    return {"model": "echo", "input": text, **fields}


def call(asked: dict[str, Any], served: Served = SERVED) -> EmbeddingCall:
    return parse(Incoming(served, json.dumps(asked).encode(), "application/json"))


def refusal(asked: dict[str, Any]) -> RequestError:
    with pytest.raises(RequestError) as caught:
        call(asked)
    return caught.value


def vector(asked: dict[str, Any], result: EmbeddingResult = RESULT) -> Any:
    return json.loads(call(asked).render(KEYS, [result]))["data"][0]["embedding"]


@pytest.mark.parametrize(
    ("given", "inputs"),
    [
        ("hello", ["hello"]),
        (["hello", " "], ["hello", " "]),
        (["hello", "hello"], ["hello", "hello"]),
        ([1, 2], [(1, 2)]),
        ([[1, 2], [3]], [(1, 2), (3,)]),
    ],
    ids=str,
)
def test_an_input_is_text_or_token_ids_one_or_many(given: Any, inputs: list[Any]) -> None:
    assert call(body(given)).requests == [
        EmbeddingRequest(model="echo", input=text) for text in inputs
    ]


MISTAKES: list[tuple[dict[str, Any], str | None, str | None, str]] = [
    ({"model": None}, None, None, "you must provide a model parameter"),
    ({"model": "ada"}, None, "model_not_found", "Served here: echo, text-embedding-3-small"),
    ({"input": None}, "input", "missing_required_parameter", "Missing required parameter"),
    ({"input": ""}, None, None, "'$.input' is invalid"),
    ({"input": ["a", ""]}, None, None, "'input[1]' is an empty string"),
    ({"input": []}, "input", "empty_array", "minimum length 1"),
    ({"input": [[1], []]}, "input[1]", "empty_array", "minimum length 1"),
    ({"input": {}}, "input", "invalid_type", "one of a string or array of strings"),
    ({"input": [{}]}, "input[0]", "invalid_type", "expected a string, but got an object"),
    ({"input": [1, None]}, "input[1]", "invalid_type", "expected an integer, but got null"),
    ({"input": [2**31]}, "input[0]", "integer_above_max_value", "<= 2147483647"),
    ({"input": ["a"] * 2049}, "input", "array_above_max_length", "got an array with length 2049"),
    ({"dimensions": 0}, "dimensions", "integer_below_min_value", ">= 1, but got 0"),
    ({"dimensions": "2"}, "dimensions", "invalid_type", "expected an integer, but got a string"),
    ({"encoding_format": "int8"}, "encoding_format", "invalid_value", "'float' and 'base64'"),
    ({"user": 5}, "user", "invalid_type", "expected a string"),
    ({"stream": True}, "stream", "unknown_parameter", "Unknown parameter: 'stream'"),
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


def test_a_lenient_server_passes_on_what_openai_does_not_know() -> None:
    lenient = Served(["echo"], {}, lenient=True)
    [asked] = call(body(truncate=True, input_type="query", nothing=None), lenient).requests
    assert asked.extras == (("input_type", '"query"'), ("truncate", "true"))
    [plain] = call(body(), lenient).requests
    assert key(asked) != key(plain) == key(EmbeddingRequest(model="echo", input="hello"))


def test_a_whole_answer_has_the_vectors_in_order() -> None:
    other = EmbeddingResult(vector=floats(0.0, 1.0), prompt_tokens=4)
    parsed = call(body(["a", "b"], model="text-embedding-3-small", encoding_format="float"))
    raw = json.loads(parsed.render(["a" * 16, "b" * 16], [RESULT, other]))
    told = CreateEmbeddingResponse.model_validate(raw, strict=True)
    assert [(item.index, tuple(item.embedding)) for item in told.data] == [
        (0, RESULT.vector),
        (1, other.vector),
    ]
    assert told.model == "text-embedding-3-small"
    assert (told.usage.prompt_tokens, told.usage.total_tokens) == (7, 7)


def test_base64_has_the_same_numbers_as_floats() -> None:
    packed = base64.b64decode(vector(body(encoding_format="base64")))
    assert struct.unpack("<4f", packed) == RESULT.vector == tuple(vector(body()))


def test_fewer_dimensions_are_the_first_ones_with_length_1() -> None:
    assert vector(body(dimensions=3)) == pytest.approx([0.6 / 0.877, 0.0, -0.64 / 0.877], rel=1e-3)
    packed = base64.b64decode(vector(body(dimensions=3, encoding_format="base64")))
    assert list(struct.unpack("<3f", packed)) == vector(body(dimensions=3))


def test_more_dimensions_than_the_model_has_are_refused() -> None:
    assert len(vector(body(dimensions=4))) == 4
    with pytest.raises(RequestError, match="Expected a value <= 4, but got 5 instead") as caught:
        vector(body(dimensions=5))
    assert (caught.value.param, caught.value.code) == ("dimensions", "integer_above_max_value")


@given(st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=20), st.data())
def test_a_shortened_vector_has_length_1_unless_it_is_0(numbers: list[float], data: Any) -> None:
    dimensions = data.draw(st.integers(1, len(numbers)))
    short = shortened(numbers, dimensions)
    assert len(short) == dimensions
    assert floats(*short) == tuple(short)
    if max(map(abs, numbers[:dimensions])) > 1e-18:
        assert math.hypot(*short) == pytest.approx(1, rel=1e-6)


def test_every_field_of_the_client_library_is_classified() -> None:
    assert set(get_type_hints(EmbeddingCreateParams)) == set(FIELDS) == set(Body.model_fields)
