"""The generation loop: a request's tokens in, pieces of text out."""

from collections.abc import Callable, Mapping
from contextlib import closing
from functools import cached_property
from pathlib import Path

import llama_cpp

from slmtape.engines.llamacpp import context, weights, worker
from slmtape.engines.llamacpp.context import CHUNK
from slmtape.engines.llamacpp.sampling import Sampler
from slmtape.engines.llamacpp.text import Characters, StopSequences
from slmtape.errors import ContextLengthExceeded
from slmtape.generation import FinishReason, GenerationRequest, GenerationResult, ModelFile, Piece

_EXPECTED = 512
"""Tokens of room for an answer whose length the request doesn't limit; more is made when needed."""


class LlamaCppEngine:
    """Answers from one GGUF file. Requests are answered one after the other."""

    def __init__(self, path: Path, name: str) -> None:
        self._weights = weights.load(path)
        self._name = name
        self._context = context.shared(self._weights)

    @cached_property
    def model(self) -> ModelFile:
        """The model that answers."""
        return ModelFile(self._name, self._weights.path.name, self._weights.sha256)

    @property
    def made_with(self) -> Mapping[str, str]:
        """What answers depend on besides the request and the model."""
        return {
            "engine": f"llama-cpp-python {llama_cpp.__version__}",
            "template": self._weights.template.digest,
            "chunk": str(CHUNK),
        }

    def generate(
        self, request: GenerationRequest, say: Callable[[Piece], None]
    ) -> GenerationResult:
        """Say the answer's pieces; return it complete. See `slmtape.generation.Engine`."""
        prompt = self._weights.tokens(self._weights.template.render(request.messages))
        limit = self._weights.context_length
        if len(prompt) >= limit:
            raise ContextLengthExceeded(limit=limit, tokens=len(prompt))
        most = min(request.max_tokens or limit, limit - len(prompt))
        return worker.run(
            lambda: self._generate(request, prompt, most, say), waiting=lambda: say(Piece())
        )

    def _generate(
        self,
        request: GenerationRequest,
        prompt: list[int],
        most: int,
        say: Callable[[Piece], None],
    ) -> GenerationResult:
        sampler = Sampler(request, vocabulary=self._weights.size, most=most)
        with closing(sampler):
            self._read(prompt, len(prompt) + min(most, _EXPECTED), say)
            return self._speak(request, len(prompt), sampler, most, say)

    def _read(self, prompt: list[int], room: int, say: Callable[[Piece], None]) -> None:
        """Evaluate the prompt in chunks, in a context with room for so many tokens."""
        self._context.clear(room)
        for start in range(0, len(prompt), CHUNK):
            say(Piece())
            self._context.evaluate(prompt[start : start + CHUNK])

    def _speak(
        self,
        request: GenerationRequest,
        prompt: int,
        sampler: Sampler,
        most: int,
        say: Callable[[Piece], None],
    ) -> GenerationResult:
        """Pick and evaluate tokens, one by one, after a prompt of so many."""
        context, weights = self._context, self._weights
        characters, stops = Characters(), StopSequences(request.stop)
        said: list[Piece] = []
        count = 0
        finish_reason: FinishReason = "length"
        while count < most:
            token = sampler.pick(context.handle)
            if weights.ends(token):
                finish_reason = "stop"
                break
            count += 1
            piece = Piece(stops.add(characters.add(weights.text(token))))
            if piece.text:
                said.append(piece)
            say(piece)
            if stops.hit:
                finish_reason = "stop"
                break
            if count < most:
                if not context.holds(prompt + count):
                    context.grow()
                context.evaluate_one(token)
        rest = "" if stops.hit else stops.add(characters.end()) + stops.end()
        if rest:
            said.append(Piece(rest))
            say(said[-1])
        return GenerationResult(
            pieces=tuple(said),
            finish_reason=finish_reason,
            prompt_tokens=prompt,
            completion_tokens=count,
        )
