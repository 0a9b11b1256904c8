"""A request in, an answer out: prompts are made, and answers put together piece by piece."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import cached_property

import numpy as np

from slmtape.engines import Files
from slmtape.engines.llamacpp import provenance
from slmtape.engines.llamacpp.answer import Answer
from slmtape.engines.llamacpp.context import Context
from slmtape.engines.llamacpp.loaded import Loaded, Model, loaded
from slmtape.engines.llamacpp.sampling import Sampler
from slmtape.engines.llamacpp.space import BATCH
from slmtape.engines.llamacpp.speech import Speech, expected
from slmtape.engines.llamacpp.template import without_oldest
from slmtape.engines.llamacpp.thinking import template_options, thinking
from slmtape.engines.llamacpp.tools import asking_besides
from slmtape.engines.llamacpp.weights import Weights
from slmtape.errors import ContextLengthExceeded, RequestError
from slmtape.generation import (
    EmbeddingRequest,
    EmbeddingResult,
    GenerationRequest,
    GenerationResult,
    ModelFile,
    Piece,
    Request,
)

_LONGEST, _LONGEST_WITH_THOUGHTS = 1024, 4096
"""Tokens at most where a request sets no limit. Small models that repeat themselves go on until
somebody stops them; their whole context would take minutes."""


class LlamaCppEngine:
    """Answers from one GGUF file."""

    def __init__(
        self,
        files: Files,
        name: str,
        *,
        max_loaded_models: int | None = None,
        in_memory: Loaded | None = None,
    ) -> None:
        """`in_memory`: the models among which there are `max_loaded_models` at most."""
        self._files = files
        self._name = name
        self._in_memory = in_memory or loaded()
        self._most = max_loaded_models
        # Not resolved: a link's target may have another name, and no parts beside it.
        self._path = files.path.absolute()
        self._weights: Weights | None = None
        self._in_memory.hold(self._path)

    @cached_property
    def model(self) -> ModelFile:
        """The model that answers."""
        return ModelFile(self._name, self._files.path.name, self._files.sha256())

    def load(self) -> None:
        """Have the model in memory. See `slmtape.generation.Engine`."""
        with self._loaded(lambda _: None):
            pass

    def close(self, *, unload: bool) -> None:
        """No more will be asked. See `slmtape.generation.Engine`."""
        self._in_memory.release(self._path, unload=unload)

    def made_with(self, request: Request) -> Mapping[str, str]:
        """What the answer to this request depends on besides it and the model."""
        if self._weights is None:
            self.load()
        assert self._weights is not None
        return provenance.made_with(self._weights, request)

    def generate(
        self, request: GenerationRequest, say: Callable[[Piece], None]
    ) -> GenerationResult:
        """Say the answer's pieces; return it complete. See `slmtape.generation.Engine`."""
        with self._loaded(say) as model:
            return _generate(model, request, say)

    def embed(self, request: EmbeddingRequest, say: Callable[[Piece], None]) -> EmbeddingResult:
        """The text as a vector: the mean of what the last layer says of its tokens."""
        with self._loaded(say) as model:
            tokens = _tokens(model.weights, request.input)
            limit = model.weights.context_length
            if not tokens:
                raise RequestError("The input has no tokens.", param="input")
            if len(tokens) > limit:
                raise RequestError(
                    f"This model's maximum context length is {limit} tokens, however you requested "
                    f"{len(tokens)} tokens. Please reduce your prompt.",
                    param="input",
                )
            with model.contexts.lent((), len(tokens), lambda: say(Piece())) as context:
                return _embed(model.weights, context, tokens, say)

    @contextmanager
    def _loaded(self, say: Callable[[Piece], None]) -> Iterator[Model]:
        with self._in_memory.using(self._path, self._most, lambda: say(Piece())) as model:
            self._weights = model.weights
            yield model


def _generate(
    model: Model, request: GenerationRequest, say: Callable[[Piece], None]
) -> GenerationResult:
    weights = model.weights
    limit = weights.context_length
    prompt = _prompt(weights, request)
    while len(prompt) >= limit and request.truncate and len(request.messages) > 1:
        request = replace(request, messages=without_oldest(request.messages))
        prompt = _prompt(weights, request)
    if len(prompt) >= limit:
        raise ContextLengthExceeded(limit=limit, tokens=len(prompt))
    most = min(limit - len(prompt), _most(request))
    if not most:
        return GenerationResult(
            pieces=(), finish_reason="length", prompt_tokens=len(prompt), completion_tokens=0
        )
    with (
        closing(Sampler(request, vocabulary=weights.size, most=most)) as sampler,
        model.contexts.lent(prompt, expected(prompt, most), lambda: say(Piece())) as context,
    ):
        top = request.top_logprobs
        speech = Speech(weights, context, sampler, most=most, top=top, say=say)
        return Answer(request, weights, context, speech, say).give(prompt)


def _most(request: GenerationRequest) -> int:
    if request.max_tokens is not None:
        return request.max_tokens
    return _LONGEST_WITH_THOUGHTS if thinking(request) else _LONGEST


def _prompt(weights: Weights, request: GenerationRequest) -> list[int]:
    if request.prompt is not None and not request.messages:
        return _tokens(weights, request.prompt) or _tokens(weights, "\n")
    template = weights.template
    messages = template.format.tell(request.messages, request.tools)
    if request.response_format and request.response_format.description:
        wish = f"Answer in JSON: {request.response_format.description}"
        messages = asking_besides(messages, wish)
    options = template_options(request)
    return weights.tokens(template.render(messages, request.tools, **options))


def _tokens(weights: Weights, given: str | tuple[int, ...]) -> list[int]:
    """A text's tokens. Ids of another model's vocabulary are made to fit: they say little."""
    if isinstance(given, str):
        return weights.tokens(given)
    return [token % weights.size for token in given]


def _embed(
    weights: Weights, context: Context, tokens: list[int], say: Callable[[Piece], None]
) -> EmbeddingResult:
    context.clear(len(tokens))
    total = np.zeros(weights.width)
    for start in range(0, len(tokens), BATCH):
        say(Piece())
        for vector in context.vectors(tokens[start : start + BATCH]):
            total += vector
    vector = (total / (np.linalg.norm(total) or 1)).astype(np.float32)
    return EmbeddingResult(vector=tuple(vector.tolist()), prompt_tokens=len(tokens))
