"""A request's sampling parameters as a chain of llama.cpp's samplers, in C."""

import json
from collections.abc import Mapping
from typing import Any

import llama_cpp.llama_cpp as llama

from slmtape.engines.llamacpp.context import Context
from slmtape.errors import RequestError
from slmtape.generation import GenerationRequest

_SEEDS = 2**32 - 1
"""llama.cpp's seeds are 32 bits, and the last one means "take a random one"."""


class Sampler:
    """Picks tokens from logits, the same ones for the same request. Free it with `close`."""

    def __init__(self, request: GenerationRequest, *, vocabulary: int, most: int) -> None:
        """`vocabulary` and `most` (tokens that will be picked) are counts. Raises RequestError."""
        options = _Options(request)
        self.remembers = options.remembers
        self._chain = llama.llama_sampler_chain_init(llama.llama_sampler_chain_default_params())
        samplers = _samplers(request, options, vocabulary, most)
        for sampler in samplers:
            llama.llama_sampler_chain_add(self._chain, sampler)
        self._greedy = not request.samples and len(samplers) == 1

    remembers: bool
    """Whether what was picked changes what will be."""

    def pick(self, context: Context) -> int:
        """The next token, from the logits of the context's last token."""
        if self._greedy:  # llama.cpp would write a list of the whole vocabulary first
            return int(context.logits().argmax())
        return int(llama.llama_sampler_sample(self._chain, context.handle, -1))

    def saw(self, token: int) -> None:
        """A token came that was not picked."""
        if self.remembers:
            llama.llama_sampler_accept(self._chain, token)

    def close(self) -> None:
        """Free the chain."""
        llama.llama_sampler_free(self._chain)


class _Options:
    """The sampling parameters that other servers have, by the names that llama.cpp's has."""

    def __init__(self, request: GenerationRequest) -> None:
        given = {name: json.loads(text) for name, text in request.extras}
        self.top_k = _number(given, 0, "top_k")
        self.min_p = _number(given, 0, "min_p")
        self.typical_p = _number(given, 1, "typical_p", "typical")
        self.top_n_sigma = _number(given, -1, "top_n_sigma")
        self.repeat_penalty = _number(given, 1, "repeat_penalty", "repetition_penalty")
        self.repeat_last_n = int(_number(given, -1, "repeat_last_n"))
        self.penalties = (self.repeat_penalty, request.frequency_penalty, request.presence_penalty)
        self.remembers = self.penalties != (1, 0, 0)


def _number(given: Mapping[str, Any], default: float, *names: str) -> float:
    name = next((name for name in names if name in given), None)
    if name is None:
        return default
    value = given[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 2**31 - 1:
        raise RequestError(
            f"Invalid type for '{name}': expected a number.", param=name, code="invalid_type"
        )
    return value


def _samplers(
    request: GenerationRequest, options: _Options, vocabulary: int, most: int
) -> list[object]:
    chain: list[object] = []
    # OpenAI's token ids are its own; one this model does not have can bias nothing.
    biases = [(token, bias) for token, bias in request.logit_bias if 0 <= token < vocabulary]
    if biases:
        pairs = (llama.llama_logit_bias * len(biases))(*biases)
        chain.append(llama.llama_sampler_init_logit_bias(vocabulary, len(pairs), pairs))
    if options.remembers:
        # llama.cpp makes room for as many at once, and never sees more than are picked.
        seen = most if options.repeat_last_n < 0 else min(options.repeat_last_n, most)
        chain.append(llama.llama_sampler_init_penalties(vocabulary, seen, *options.penalties))
    if not request.samples:
        return [*chain, llama.llama_sampler_init_greedy()]
    assert request.seed is not None
    if options.top_k > 0:
        chain.append(llama.llama_sampler_init_top_k(int(options.top_k)))
    if options.typical_p < 1:
        chain.append(llama.llama_sampler_init_typical(options.typical_p, 1))
    if options.min_p > 0:
        chain.append(llama.llama_sampler_init_min_p(options.min_p, 1))
    if options.top_n_sigma > 0:
        chain.append(llama.llama_sampler_init_top_n_sigma(options.top_n_sigma))
    return [
        *chain,
        llama.llama_sampler_init_temp(request.temperature),
        llama.llama_sampler_init_top_p(request.top_p, 1),
        llama.llama_sampler_init_dist(request.seed % _SEEDS),
    ]
