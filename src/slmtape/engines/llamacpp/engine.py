"""A request in, an answer out: prompts are made, and answers put together piece by piece."""

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from functools import cached_property
from importlib.metadata import version

import llama_cpp
import numpy as np

from slmtape.engines import Files
from slmtape.engines.llamacpp import context, weights, worker
from slmtape.engines.llamacpp.answer import Answer
from slmtape.engines.llamacpp.context import CHUNK
from slmtape.engines.llamacpp.sampling import Sampler
from slmtape.engines.llamacpp.speech import Speech
from slmtape.engines.llamacpp.template import without_oldest
from slmtape.engines.llamacpp.thinking import template_options
from slmtape.engines.llamacpp.tools import asking_besides
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


class LlamaCppEngine:
    """Answers from one GGUF file. Requests are answered one after the other."""

    def __init__(self, files: Files, name: str) -> None:
        self._files = files
        self._weights = weights.load(files.path)
        self._name = name
        self._context = context.shared(self._weights)

    @cached_property
    def model(self) -> ModelFile:
        """The model that answers."""
        return ModelFile(self._name, self._files.path.name, self._files.sha256())

    def made_with(self, request: Request) -> Mapping[str, str]:
        """What the answer to this request depends on besides it and the model."""
        made = {
            "engine": f"llama-cpp-python {llama_cpp.__version__}",
            "template": self._weights.template.digest,
            "chunk": str(CHUNK),
        }
        if isinstance(request, GenerationRequest) and (request.tools or request.response_format):
            made["forced"] = f"llguidance {version('llguidance')}"
        return made

    def generate(
        self, request: GenerationRequest, say: Callable[[Piece], None]
    ) -> GenerationResult:
        """Say the answer's pieces; return it complete. See `slmtape.generation.Engine`."""
        limit = self._weights.context_length
        prompt = self._prompt(request)
        while len(prompt) >= limit and request.truncate and len(request.messages) > 1:
            request = replace(request, messages=without_oldest(request.messages))
            prompt = self._prompt(request)
        if len(prompt) >= limit:
            raise ContextLengthExceeded(limit=limit, tokens=len(prompt))
        most = limit - len(prompt)
        if request.max_tokens is not None:
            most = min(most, request.max_tokens)
        if not most:
            return GenerationResult(
                pieces=(), finish_reason="length", prompt_tokens=len(prompt), completion_tokens=0
            )
        return worker.run(
            lambda: self._generate(request, prompt, most, say), waiting=lambda: say(Piece())
        )

    def embed(self, request: EmbeddingRequest, say: Callable[[Piece], None]) -> EmbeddingResult:
        """The text as a vector: the mean of what the last layer says of its tokens."""
        tokens = self._tokens(request.input)
        limit = self._weights.context_length
        if not tokens:
            raise RequestError("The input has no tokens.", param="input")
        if len(tokens) > limit:
            raise RequestError(
                f"This model's maximum context length is {limit} tokens, however you requested "
                f"{len(tokens)} tokens. Please reduce your prompt.",
                param="input",
            )
        return worker.run(lambda: self._embed(tokens, say), waiting=lambda: say(Piece()))

    def _prompt(self, request: GenerationRequest) -> list[int]:
        if request.prompt is not None and not request.messages:
            return self._tokens(request.prompt) or self._tokens("\n")
        template = self._weights.template
        messages = template.format.tell(request.messages, request.tools)
        if request.response_format and request.response_format.description:
            wish = f"Answer in JSON: {request.response_format.description}"
            messages = asking_besides(messages, wish)
        options = template_options(request)
        return self._weights.tokens(template.render(messages, request.tools, **options))

    def _tokens(self, given: str | tuple[int, ...]) -> list[int]:
        """A text's tokens. Ids of another model's vocabulary are made to fit: they say little."""
        if isinstance(given, str):
            return self._weights.tokens(given)
        return [token % self._weights.size for token in given]

    def _generate(
        self,
        request: GenerationRequest,
        prompt: list[int],
        most: int,
        say: Callable[[Piece], None],
    ) -> GenerationResult:
        with closing(Sampler(request, vocabulary=self._weights.size, most=most)) as sampler:
            speech = Speech(
                self._weights, self._context, sampler, most=most, top=request.top_logprobs, say=say
            )
            return Answer(request, self._weights, self._context, speech, say).give(prompt)

    def _embed(self, tokens: list[int], say: Callable[[Piece], None]) -> EmbeddingResult:
        self._context.clear(len(tokens))
        total = np.zeros(self._weights.width)
        for start in range(0, len(tokens), CHUNK):
            say(Piece())
            for vector in self._context.vectors(tokens[start : start + CHUNK]):
                total += vector
        vector = (total / (np.linalg.norm(total) or 1)).astype(np.float32)
        return EmbeddingResult(vector=tuple(vector.tolist()), prompt_tokens=len(tokens))
