"""A request's sampling parameters as a chain of llama.cpp's samplers, in C."""

import llama_cpp.llama_cpp as llama

from slmtape.generation import GenerationRequest

_SEEDS = 2**32 - 1
"""llama.cpp's seeds are 32 bits, and the last one means "take a random one"."""


class Sampler:
    """Picks tokens from logits, the same ones for the same request. Free it with `close`."""

    def __init__(self, request: GenerationRequest, *, vocabulary: int, most: int) -> None:
        """`vocabulary` and `most` (tokens that will be picked) are counts."""
        self._chain = llama.llama_sampler_chain_init(llama.llama_sampler_chain_default_params())
        for sampler in _samplers(request, vocabulary, most):
            llama.llama_sampler_chain_add(self._chain, sampler)

    def pick(self, context: object) -> int:
        """The next token, from the logits of the context's last token."""
        return int(llama.llama_sampler_sample(self._chain, context, -1))

    def close(self) -> None:
        """Free the chain."""
        llama.llama_sampler_free(self._chain)


def _samplers(request: GenerationRequest, vocabulary: int, most: int) -> list[object]:
    chain: list[object] = []
    # OpenAI's token ids are its own; one this model does not have can bias nothing.
    biases = [(token, bias) for token, bias in request.logit_bias if 0 <= token < vocabulary]
    if biases:
        pairs = (llama.llama_logit_bias * len(biases))(*biases)
        chain.append(llama.llama_sampler_init_logit_bias(vocabulary, len(pairs), pairs))
    frequency, presence = request.frequency_penalty, request.presence_penalty
    if frequency or presence:
        chain.append(llama.llama_sampler_init_penalties(vocabulary, most, 1.0, frequency, presence))
    if not request.samples:
        return [*chain, llama.llama_sampler_init_greedy()]
    assert request.seed is not None
    return [
        *chain,
        llama.llama_sampler_init_temp(request.temperature),
        llama.llama_sampler_init_top_p(request.top_p, 1),
        llama.llama_sampler_init_dist(request.seed % _SEEDS),
    ]
