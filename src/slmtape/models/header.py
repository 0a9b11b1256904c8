"""What a GGUF file says of its model. Reads neither tensors nor vocabulary.

https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import struct
from mmap import ACCESS_READ, mmap
from pathlib import Path

from slmtape.errors import ModelError
from slmtape.models.files import ModelFiles
from slmtape.models.memory import Shape

Value = int | float | bool | str | tuple[int | float | bool, ...] | range
"""A range is an array of strings, or a long one: it only has the length."""

_LARGEST = 128 * 2**20
"""Bytes that are looked at; headers have about ten million."""

_LONGEST = 4096
"""Numbers in an array that are worth reading: one for each layer."""

_COUNT = struct.Struct("<Q")
_KIND = struct.Struct("<I")
_NUMBERS = dict(enumerate("BbHhIif?", 0)) | {10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9


def shape(files: ModelFiles) -> Shape:
    """What the model's need of memory follows from. Raises ModelError."""
    about = metadata(files.path)
    family = about.get("general.architecture")

    def number(name: str, default: int | None = None) -> int:
        value = about.get(f"{family}.{name}", default)
        each = value if isinstance(value, tuple) else (value,)
        counts = [one for one in each if type(one) is int and one >= 0]
        if not counts:
            raise ModelError(f"{files.path} does not say its {name}: is it a language model?")
        return max(counts)

    width, heads = number("embedding_length"), number("attention.head_count")
    tokens = about.get("tokenizer.ggml.tokens")
    return Shape(
        size=files.size,
        layers=number("block_count"),
        heads=heads,
        kv_heads=number("attention.head_count_kv", heads),
        key_size=number("attention.key_length", width // (heads or 1)),
        value_size=number("attention.value_length", width // (heads or 1)),
        width=width,
        feed_forward=number("feed_forward_length"),
        vocabulary=len(tokens) if isinstance(tokens, range) else number("vocab_size"),
    )


def metadata(path: Path) -> dict[str, Value]:
    """The keys of a GGUF file and their values. Raises ModelError where it is none, or damaged."""
    try:
        with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
            return _Reader(data, min(len(data), _LARGEST)).pairs()
    except OSError as error:
        raise ModelError(f"Can't read {path}: {error.strerror}.") from error
    except (ValueError, struct.error) as error:
        raise ModelError(f"{path} is not a whole GGUF file: {error}.") from error


class _Reader:
    """Reads on from the beginning. Raises ValueError or struct.error where it can't."""

    def __init__(self, data: mmap, end: int) -> None:
        self._data = data
        self._end = end
        self._at = 0

    def pairs(self) -> dict[str, Value]:
        if self._bytes(4) != b"GGUF":
            raise ValueError("it begins otherwise")
        version = self._number(_KIND)
        if version not in (2, 3):
            raise ValueError(f"its version is {version}, known are 2 and 3")
        self._number(_COUNT)  # of tensors
        pairs: dict[str, Value] = {}
        for _ in range(self._number(_COUNT)):
            name = self._text()
            pairs[name] = self._value(self._number(_KIND))
        return pairs

    def _value(self, kind: int) -> Value:
        if kind == _STRING:
            return self._text()
        if kind == _ARRAY:
            return self._array(self._number(_KIND), self._number(_COUNT))
        return self._numbers(kind, 1)[0]

    def _array(self, kind: int, count: int) -> Value:
        if kind == _STRING:
            self._skip_texts(count)
            return range(count)
        if count <= _LONGEST:
            return self._numbers(kind, count)
        self._skip(count * struct.calcsize(_format(kind)))
        return range(count)

    def _numbers(self, kind: int, count: int) -> tuple[int | float | bool, ...]:
        numbers = struct.Struct(f"<{count}{_format(kind)}")
        return numbers.unpack(self._bytes(numbers.size))

    def _number(self, form: struct.Struct) -> int:
        value: int = form.unpack(self._bytes(form.size))[0]
        return value

    def _text(self) -> str:
        return self._bytes(self._number(_COUNT)).decode()

    def _bytes(self, count: int) -> bytes:
        begin = self._at
        self._skip(count)
        return self._data[begin : self._at]

    def _skip(self, count: int) -> None:
        if count > self._end - self._at:
            raise ValueError("it ends too early")
        self._at += count

    def _skip_texts(self, count: int) -> None:
        """Hundreds of thousands, where each says where the next one begins."""
        data, at, end, length = self._data, self._at, self._end, _COUNT.unpack_from
        for _ in range(count):
            at += length(data, at)[0] + 8
            if at > end:
                raise ValueError("it ends too early")
        self._at = at


def _format(kind: int) -> str:
    if kind not in _NUMBERS:
        raise ValueError(f"there are no values of the kind {kind}")
    return _NUMBERS[kind]
