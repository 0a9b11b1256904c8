"""`POST /v1/embeddings`: texts in, vectors out."""

import math
import struct
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NoReturn

from pydantic import Field
from pydantic_core import to_json

from slmtape.errors import RequestError, SlmtapeError
from slmtape.generation import EmbeddingRequest, EmbeddingResult
from slmtape.protocols import Incoming
from slmtape.protocols.openai import errors, fields
from slmtape.protocols.openai.fields import INT32, Texts
from slmtape.protocols.openai.wire import Strict, Treatment

FIELDS = {
    "model": Treatment.USED,
    "input": Treatment.USED,
    "encoding_format": Treatment.USED,
    "dimensions": Treatment.USED,
    "user": Treatment.ACCEPTED,
}
"""Every field of OpenAI's, in the order in which mistakes are reported."""


class Body(Strict):
    """A whole body."""

    model: str
    input: Texts
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: Annotated[int, Field(ge=1, le=INT32)] | None = None
    user: str | None = None


@dataclass(frozen=True, slots=True)
class EmbeddingCall:
    """Embeddings as they were asked for. `model` is the name the client used.

    `dimensions`: how many numbers of each vector are wanted; None: all.
    """

    model: str
    requests: Sequence[EmbeddingRequest]
    dimensions: int | None
    base64: bool
    n = 1
    stream = False
    background = False

    def render(
        self,
        keys: Sequence[str],  # noqa: ARG002  (the answer has no id)
        results: Sequence[EmbeddingResult],
    ) -> bytes:
        """The body of the answer. Raises RequestError where vectors are too short."""
        tokens = sum(result.prompt_tokens for result in results)
        return to_json(
            {
                "object": "list",
                "data": [
                    {"object": "embedding", "index": index, "embedding": self._embedding(result)}
                    for index, result in enumerate(results)
                ],
                "model": self.model,
                "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
            }
        )

    def rendering(self, keys: Sequence[str]) -> NoReturn:
        """Never called: embeddings are not streamed."""
        raise NotImplementedError

    def begin(self, keys: Sequence[str], cancel: Callable[[], object]) -> bytes:
        """Never called: embeddings are answered at once."""
        raise NotImplementedError

    def keep(self, keys: Sequence[str], outcome: Sequence[EmbeddingResult] | SlmtapeError) -> None:
        """Nothing is remembered."""

    def _embedding(self, result: EmbeddingResult) -> Any:
        vector: Sequence[float] = result.vector
        if self.dimensions is not None:
            vector = shortened(vector, self.dimensions)
        if not self.base64:
            return vector
        return b64encode(_packed(vector)).decode()


def parse(incoming: Incoming) -> EmbeddingCall:
    """The call in a body. Raises RequestError."""
    body, extras = fields.read(incoming, Body, FIELDS, needed=("input",))
    texts = fields.texts(body.input)
    if "" in texts:
        raise _empty("input" if isinstance(body.input, str) else f"input[{texts.index('')}]")
    model = fields.served_model(incoming.served, body.model)
    return EmbeddingCall(
        model=body.model,
        requests=[EmbeddingRequest(model=model, input=text, extras=extras) for text in texts],
        dimensions=body.dimensions,
        base64=body.encoding_format == "base64",
    )


def shortened(vector: Sequence[float], dimensions: int) -> Sequence[float]:
    """The first `dimensions` numbers of a vector, made a vector of length 1 again.

    In 32-bit floats; the same on every machine. Raises RequestError where there are not so many.
    """
    if dimensions > len(vector):
        raise errors.out_of_range("dimensions", "above", len(vector), dimensions)
    cut = vector[:dimensions]
    length = math.sqrt(math.fsum(number * number for number in cut)) or 1.0
    return struct.unpack(f"<{dimensions}f", _packed([number / length for number in cut]))


def _packed(vector: Sequence[float]) -> bytes:
    """Little-endian 32-bit floats."""
    return struct.pack(f"<{len(vector)}f", *vector)


def _empty(where: str) -> RequestError:
    return RequestError(
        "'$.input' is invalid. Please check the API reference: "
        "https://platform.openai.com/docs/api-reference. "
        f"(HINT: '{where}' is an empty string.)"
    )
