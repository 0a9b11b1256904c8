"""What a GGUF file says of itself is read; what is none is refused, whatever it is."""

import struct
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import gguf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmtape.errors import ModelError
from slmtape.models.files import ModelFiles
from slmtape.models.header import metadata, shape

GGUF = b"GGUF" + struct.pack("<I", 3)
ONE_KEY = GGUF + struct.pack("<QQQ", 0, 1, 1) + b"a"
SAYS = {"block_count": 4, "embedding_length": 32, "feed_forward_length": 64}
HEADS = {"attention.head_count": 4}

signed = st.integers(-(2**31), 2**31 - 1)
floats = st.floats(width=32, allow_nan=False)
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
values = st.one_of(
    st.one_of(signed, st.integers(2**31, 2**32 - 1), floats, st.booleans(), texts),
    st.one_of(*(st.lists(one, min_size=1) for one in (signed, floats, st.booleans(), texts))),
)
names = texts.filter(lambda name: not name.startswith(("general.", "GGUF.")))


def write(path: Path, pairs: dict[str, Any]) -> Path:
    """A file as the package `gguf` writes it, without tensors."""
    with closing(gguf.GGUFWriter(path, "llama")) as writer:
        for name, value in pairs.items():
            put(writer, name, value)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
    return path


def put(writer: gguf.GGUFWriter, name: str, value: Any) -> None:
    adds: dict[type, Callable[[str, Any], None]] = {
        bool: writer.add_bool,
        float: writer.add_float32,
        str: writer.add_string,
        list: writer.add_array,
    }
    add = adds.get(type(value)) or (writer.add_int32 if value < 0 else writer.add_uint32)
    add(name, value)


def as_read(value: Any) -> Any:
    if isinstance(value, list):
        return range(len(value)) if isinstance(value[0], str) else tuple(value)
    return value


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("headers")


@given(st.dictionaries(names, values, max_size=6))
def test_what_was_written_is_read(folder: Path, pairs: dict[str, Any]) -> None:
    path = write(folder / "some.gguf", pairs)
    expected = {name: as_read(value) for name, value in pairs.items()}
    assert metadata(path) == {"general.architecture": "llama"} | expected


@given(st.dictionaries(names, values, max_size=4), st.data())
def test_a_header_that_is_cut_anywhere_is_refused(
    folder: Path, pairs: dict[str, Any], data: st.DataObject
) -> None:
    path = write(folder / "cut.gguf", pairs)
    whole = path.read_bytes()
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(ModelError, match=r"cut\.gguf is not a whole GGUF file"):
        metadata(path)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(folder: Path, rest: bytes) -> None:
    path = folder / "any.gguf"
    for begin in (b"", GGUF, GGUF + struct.pack("<QQ", 0, 3), ONE_KEY):
        path.write_bytes(begin + rest)
        try:
            metadata(path)
        except ModelError:
            continue


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "cannot mmap an empty file"),
        (b"PK\x03\x04" + b"\0" * 100, "it begins otherwise"),
        (b"GGUF" + struct.pack("<I", 1) + b"\0" * 100, "its version is 1, known are 2 and 3"),
        (b"GGUF" + struct.pack(">I", 3) + b"\0" * 100, "its version is 50331648"),
        (GGUF + struct.pack("<QQ", 0, 2**63), "it ends too early"),
        (GGUF + struct.pack("<QQQ", 0, 1, 2**64 - 1), "it ends too early"),
        (ONE_KEY + struct.pack("<IQ", 8, 2**62), "it ends too early"),
        (ONE_KEY + struct.pack("<IQ", 8, 1) + b"\xff", "can't decode byte 0xff"),
        (ONE_KEY + struct.pack("<IIQ", 9, 4, 2**63), "it ends too early"),
        (ONE_KEY + struct.pack("<IIQ", 9, 8, 2**63), "unpack_from requires a buffer"),
        (ONE_KEY + struct.pack("<IIQQ", 9, 8, 2, 2**63), "it ends too early"),
        (ONE_KEY + struct.pack("<IIQ", 9, 9, 1), "there are no values of the kind 9"),
        (ONE_KEY + struct.pack("<IQ", 99, 1), "there are no values of the kind 99"),
    ],
)
def test_what_is_no_gguf_or_says_the_impossible_is_refused(
    tmp_path: Path, data: bytes, why: str
) -> None:
    path = tmp_path / "bad.gguf"
    path.write_bytes(data)
    with pytest.raises(ModelError, match=r"bad\.gguf is not a whole GGUF file: .*" + why):
        metadata(path)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"Can't read .*nowhere\.gguf: No such file"):
        metadata(tmp_path / "nowhere.gguf")


def llama(folder: Path, **says: Any) -> ModelFiles:
    pairs = {f"llama.{name}": value for name, value in (SAYS | HEADS | says).items()}
    pairs["tokenizer.ggml.tokens"] = ["a", "b", "c"]
    return ModelFiles((write(folder / "model.gguf", pairs),))


def test_a_shape_is_told_with_the_defaults_that_llama_cpp_has(tmp_path: Path) -> None:
    told = shape(llama(tmp_path))
    assert (told.layers, told.kv_heads, told.key_size, told.value_size) == (4, 4, 8, 8)
    assert (told.width, told.feed_forward, told.vocabulary) == (32, 64, 3)
    assert told.size == (tmp_path / "model.gguf").stat().st_size


def test_what_a_model_says_of_its_heads_is_taken(tmp_path: Path) -> None:
    heads = {
        "attention.head_count_kv": [0, 0, 2, 1],
        "attention.key_length": 16,
        "attention.value_length": 12,
    }
    told = shape(llama(tmp_path, **heads))
    assert (told.kv_heads, told.key_size, told.value_size) == (2, 16, 12)


def test_all_parts_of_a_split_file_count(tmp_path: Path) -> None:
    [first] = llama(tmp_path).paths
    other = tmp_path / "other.gguf"
    other.write_bytes(bytes(1000))
    assert shape(ModelFiles((first, other))).size == first.stat().st_size + 1000


@pytest.mark.parametrize("value", ["many", 0.5, -1, ["a"]])
def test_a_file_without_a_language_model_is_refused(tmp_path: Path, value: Any) -> None:
    with pytest.raises(ModelError, match="does not say its block_count: is it a"):
        shape(llama(tmp_path, block_count=value))


def test_a_long_array_is_told_by_its_length(tmp_path: Path) -> None:
    scores = [0.5] * 5000
    path = write(tmp_path / "long.gguf", {"scores": scores, "after": 7})
    assert metadata(path) == {"general.architecture": "llama", "scores": range(5000), "after": 7}
