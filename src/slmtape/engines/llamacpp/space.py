"""Memory: what a context takes of it, and what there is.

Linux promises more memory than it has, and llama.cpp writes to all that it asked for: the process
would be killed. So it is asked whether there is enough before.
"""

import ctypes
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import llama_cpp.llama_cpp as llama
import psutil

from slmtape.errors import EngineError

BATCH = 128
"""Prompt tokens evaluated at once at most."""

CHUNK = 4
"""Numbers depend on where a prompt is cut: it is always cut at multiples of this, counted from its
beginning. Rows of a matrix are multiplied four at a time, and those left over in another way."""

LEAST = 16
"""Prompt tokens evaluated at once at least, unless the whole prompt has fewer: few rows are
multiplied in another way than many, with K-quants fewer than 8."""

POSITIONS = 32
"""Tokens evaluated at once where numbers of each are wanted: a row of them is a vocabulary long."""

_HALF, _FLOAT = 2, 4
_CGROUPS = (
    ("/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"),
    (
        "/sys/fs/cgroup/memory",
        *("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ),
)
"""Where Linux tells what a container may use, and uses: version 2 and version 1. And what
`memory.stat` there calls the files in memory that make way for whoever needs it."""


@dataclass(frozen=True, slots=True)
class Need:
    """What a model's contexts take: a fixed part, and more for each token, in bytes."""

    cache: int
    heads: int
    vocabulary: int
    inside: int
    output: int

    def context(self, tokens: int) -> int:
        """Bytes that a context for so many tokens takes: about what llama.cpp allocates."""
        numbers = max(self.vocabulary, self.heads * tokens) + self.inside + tokens
        return tokens * self.cache + BATCH * numbers * _FLOAT + self.output


def need(model: object) -> Need:
    """What contexts of llama.cpp's model take."""
    heads = llama.llama_model_n_head(model)
    width = llama.llama_model_n_embd(model)
    key = _number(model, "attention.key_length") or width // max(heads, 1)
    value = _number(model, "attention.value_length") or width // max(heads, 1)
    layers = llama.llama_model_n_layer(model)
    kv_heads = llama.llama_model_n_head_kv(model) or heads  # of the first layer, which may be none
    vocabulary = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(model))
    return Need(
        cache=layers * kv_heads * (key + value) * _HALF,
        heads=heads,
        vocabulary=vocabulary,
        inside=2 * width + 2 * _number(model, "feed_forward_length"),
        output=POSITIONS * (vocabulary + width) * _FLOAT,
    )


def available() -> int:
    """Bytes that this process may still take without being killed for it."""
    there = int(psutil.virtual_memory().available)
    for folder, most, used, files in _CGROUPS:
        with suppress(OSError, ValueError):
            left = int(Path(folder, most).read_text()) - int(Path(folder, used).read_text())
            there = min(there, left + _counted(Path(folder, "memory.stat"), files))
    return max(there, 0)


def _counted(file: Path, name: str) -> int:
    with suppress(OSError, ValueError):
        counts = dict(line.split() for line in file.read_text().splitlines())
        return int(counts.get(name, 0))
    return 0


def check(what: str, needed: int, remedy: str) -> None:
    """Raise EngineError where there is not so much memory. `what` is what needs it."""
    there = available()
    if needed > there:
        raise EngineError(
            f"{what} needs {needed / 1e6:,.0f} MB of memory, and {there / 1e6:,.0f} MB are free. "
            f"{remedy}"
        )


def told(model: object, name: str) -> str:
    """What a model's file tells of its architecture under this name; nothing where it doesn't."""
    family = _metadata(model, b"general.architecture")
    return _metadata(model, b"%s.%s" % (family, name.encode())).decode(errors="replace")


def _number(model: object, name: str) -> int:
    with suppress(ValueError):
        return int(told(model, name))
    return 0


def _metadata(model: object, key: bytes) -> bytes:
    value = ctypes.create_string_buffer(128)
    found = llama.llama_model_meta_val_str(model, key, value, len(value))
    return value.value if found > 0 else b""
