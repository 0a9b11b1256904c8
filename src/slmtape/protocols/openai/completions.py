"""`POST /v1/completions`, which goes on where a text ends: a body in, a call out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from slmtape.errors import SlmtapeError
from slmtape.generation import GenerationRequest, GenerationResult
from slmtape.protocols import Incoming
from slmtape.protocols.openai import completions_body, fields
from slmtape.protocols.openai.completions_answer import CompletionEvents, Telling, completion


@dataclass(frozen=True, slots=True)
class CompletionCall:
    """Text completions as they were asked for: `n` of each prompt."""

    requests: Sequence[GenerationRequest]
    n: int
    stream: bool
    telling: Telling
    background = False

    def render(self, keys: Sequence[str], results: Sequence[GenerationResult]) -> bytes:
        """The body of the whole answer."""
        return completion(keys, results, self.telling)

    def rendering(self, keys: Sequence[str]) -> CompletionEvents:
        """The answer as events."""
        return CompletionEvents(keys, self.telling)

    def begin(self, keys: Sequence[str], cancel: Callable[[], object]) -> bytes:
        """Never called: completions are answered at once."""
        raise NotImplementedError

    def keep(self, keys: Sequence[str], outcome: Sequence[GenerationResult] | SlmtapeError) -> None:
        """Nothing is remembered."""


def parse(incoming: Incoming) -> CompletionCall:
    """The call in a body. Raises RequestError."""
    body, extras = fields.read(incoming, completions_body.Body, completions_body.FIELDS)
    prompts, biases = fields.texts(body.prompt), fields.biases(body.logit_bias)
    completions_body.check(body, len(prompts))
    model = fields.served_model(incoming.served, body.model)
    requests = [
        GenerationRequest(
            model=model,
            prompt=prompt,
            temperature=body.temperature,
            top_p=body.top_p,
            presence_penalty=body.presence_penalty,
            frequency_penalty=body.frequency_penalty,
            logit_bias=biases,
            max_tokens=body.max_tokens,
            stop=(body.stop,) if isinstance(body.stop, str) else tuple(body.stop or ()),
            seed=body.seed,
            top_logprobs=body.logprobs,
            extras=extras,
        )
        for prompt in prompts
    ]
    options = body.stream_options
    telling = Telling(
        model=body.model,
        prompts=[prompt if isinstance(prompt, str) else "" for prompt in prompts],
        n=body.n,
        echo=body.echo,
        logprobs=body.logprobs is not None,
        include_usage=bool(options and options.include_usage),
    )
    return CompletionCall(requests, body.n, body.stream, telling)
