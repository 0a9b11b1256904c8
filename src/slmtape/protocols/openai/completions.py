"""`POST /v1/completions`, which goes on where a text ends: a body in, a call out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from slmtape.errors import ContextLengthExceeded, RequestError, SlmtapeError
from slmtape.generation import GenerationRequest, GenerationResult
from slmtape.protocols import Incoming
from slmtape.protocols.openai import completions_body, fields
from slmtape.protocols.openai.completions_answer import CompletionEvents, Form, completion
from slmtape.protocols.openai.wire import Extras


@dataclass(frozen=True, slots=True)
class CompletionCall:
    """Text completions as they were asked for: `n` of each prompt."""

    requests: Sequence[GenerationRequest]
    n: int
    stream: bool
    form: Form
    background = False

    @property
    def model(self) -> str:
        """The name that was asked for."""
        return self.form.model

    def render(self, keys: Sequence[str], results: Sequence[GenerationResult]) -> bytes:
        """The body of the whole answer."""
        return completion(keys, results, self.form)

    def rendering(self, keys: Sequence[str]) -> CompletionEvents:
        """The answer as events."""
        return CompletionEvents(keys, self.form)

    def begin(self, keys: Sequence[str], cancel: Callable[[], object]) -> bytes:
        """Never called: completions are answered at once."""
        raise NotImplementedError

    def keep(self, keys: Sequence[str], outcome: Sequence[GenerationResult] | SlmtapeError) -> None:
        """Nothing is remembered."""


def parse(incoming: Incoming) -> CompletionCall:
    """The call in a body. Raises RequestError."""
    body, extras = fields.read(incoming, completions_body.Body, completions_body.FIELDS)
    prompts = fields.texts(body.prompt)
    completions_body.check(body, len(prompts))
    request = _request(body, extras, fields.served_model(incoming.served, body.model))
    return CompletionCall(
        requests=[replace(request, prompt=prompt) for prompt in prompts],
        n=body.n,
        stream=body.stream,
        form=_form(body, prompts),
    )


def reword(error: SlmtapeError) -> SlmtapeError:
    """The error in the words of this endpoint."""
    if not isinstance(error, ContextLengthExceeded):
        return error
    return RequestError(
        f"This model's maximum context length is {error.limit} tokens, however you requested "
        f"{error.tokens} tokens in your prompt. Please reduce your prompt.",
        param="prompt",
        code=error.code,
    )


def _request(body: completions_body.Body, extras: Extras, model: str) -> GenerationRequest:
    return GenerationRequest(
        model=model,
        temperature=body.temperature,
        top_p=body.top_p,
        presence_penalty=body.presence_penalty,
        frequency_penalty=body.frequency_penalty,
        logit_bias=fields.biases(body.logit_bias),
        max_tokens=body.max_tokens,
        stop=(body.stop,) if isinstance(body.stop, str) else tuple(body.stop or ()),
        seed=body.seed,
        top_logprobs=body.logprobs,
        extras=extras,
    )


def _form(body: completions_body.Body, prompts: Sequence[str | tuple[int, ...]]) -> Form:
    options = body.stream_options
    return Form(
        model=body.model,
        prompts=[prompt if isinstance(prompt, str) else "" for prompt in prompts],
        n=body.n,
        echo=body.echo,
        logprobs=body.logprobs is not None,
        include_usage=bool(options and options.include_usage),
    )
