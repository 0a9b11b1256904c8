"""How much memory a model needs, from its shape: as llama.cpp takes it, and this engine uses it."""

from dataclasses import dataclass

BATCH = 128
"""Tokens that the engine evaluates at once."""

ROWS = 32
"""Tokens at most whose numbers it looks at at once."""

SMALLEST = 1024
"""Tokens in its smallest context. Larger ones are powers of two."""

_FLOAT = 4
_HALF = 2
_TOKEN = 1000
"""Bytes for each token of the vocabulary. Measured: 180 to 410 in llama.cpp (with the pairs that a
tokenizer joins), 420 to 490 in llguidance, which forces answers into a form."""

_PROCESS = 110_000_000
"""Bytes of a Python that serves and generates, without a model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a model's need of memory follows from.

    `size`: of its file, or of all parts, in bytes. `layers`: with attention. `heads`, `kv_heads`:
    per layer. `key_size`, `value_size`: numbers per head. `width`: numbers per token between
    layers. `feed_forward`: inside them. `vocabulary`: in tokens. Where layers differ, the largest.
    """

    size: int
    layers: int
    heads: int
    kv_heads: int
    key_size: int
    value_size: int
    width: int
    feed_forward: int
    vocabulary: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """Bytes of memory.

    `weights`; `cache`: keys and values of a context; `buffers`: what llama.cpp computes in and
    where it puts its results; `process`: Python, and the vocabulary.
    """

    weights: int
    cache: int
    buffers: int
    process: int

    @property
    def total(self) -> int:
        """All together: what a process that answers has at most, but for a moment: see `peak`."""
        return self.weights + self.cache + self.buffers + self.process

    @property
    def peak(self) -> int:
        """While a context grows to this size, what was in it is there once more."""
        return self.total + self.cache // 2


def need(shape: Shape, tokens: int) -> Need:
    """What a conversation of this many tokens needs, prompt and answer: an upper bound.

    llama.cpp's own part is at most 15 % above what it allocates, by its log.
    """
    context = _context(tokens)
    return Need(
        weights=shape.size,
        cache=_cache(shape, context),
        buffers=_computing(shape, context) + _output(shape),
        process=_PROCESS + _TOKEN * shape.vocabulary,
    )


def _context(tokens: int) -> int:
    """The context that the engine makes."""
    context = SMALLEST
    while context < tokens:
        context *= 2
    return context


def _cache(shape: Shape, context: int) -> int:
    """Layers that look only so far back keep the whole context too: llama.cpp's `swa_full`."""
    return context * shape.layers * shape.kv_heads * (shape.key_size + shape.value_size) * _HALF


def _computing(shape: Shape, context: int) -> int:
    """Numbers of all tokens of a batch: between and in layers, and at their largest.

    That is one for each of the vocabulary, or for what each head sees of the context. And a mask.
    """
    largest = max(shape.vocabulary, shape.heads * context)
    numbers = largest + 2 * shape.width + 2 * shape.feed_forward
    return BATCH * (numbers + context) * _FLOAT


def _output(shape: Shape) -> int:
    return ROWS * (shape.vocabulary + shape.width) * _FLOAT
