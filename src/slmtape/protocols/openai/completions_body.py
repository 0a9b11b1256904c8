"""What may stand in the body of `POST /v1/completions`, and what is done with it."""

from typing import Annotated

from pydantic import Field

from slmtape.errors import RequestError
from slmtape.protocols.openai import errors
from slmtape.protocols.openai.chat_body import Penalty, Stop, StreamOptions
from slmtape.protocols.openai.fields import INT32, INT64, MOST_TEXTS, Bias, Texts
from slmtape.protocols.openai.wire import Strict, Treatment

FIELDS = {
    "model": Treatment.USED,
    "prompt": Treatment.USED,
    "best_of": Treatment.ACCEPTED,
    "echo": Treatment.USED,
    "frequency_penalty": Treatment.USED,
    "logit_bias": Treatment.USED,
    "logprobs": Treatment.USED,
    "max_tokens": Treatment.USED,
    "n": Treatment.USED,
    "presence_penalty": Treatment.USED,
    "seed": Treatment.USED,
    "stop": Treatment.USED,
    "stream": Treatment.USED,
    "stream_options": Treatment.USED,
    "suffix": Treatment.REFUSED,
    "temperature": Treatment.USED,
    "top_p": Treatment.USED,
    "user": Treatment.ACCEPTED,
}
"""Every field of OpenAI's, in the order in which mistakes are reported."""


class Body(Strict):
    """A body without its refused fields. Without a prompt a new document begins."""

    model: str
    prompt: Texts = "<|endoftext|>"
    best_of: Annotated[int, Field(ge=0, le=20)] | None = None
    echo: bool = False
    frequency_penalty: Penalty = 0.0
    logit_bias: dict[str, Bias] | None = None
    logprobs: Annotated[int, Field(ge=0, le=5)] | None = None
    max_tokens: Annotated[int, Field(ge=0, le=INT32)] = 16
    n: Annotated[int, Field(ge=1, le=128)] = 1
    presence_penalty: Penalty = 0.0
    seed: Annotated[int, Field(ge=-INT64 - 1, le=INT64)] | None = None
    stop: Stop | None = None
    stream: bool = False
    stream_options: StreamOptions | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    top_p: Annotated[float, Field(ge=0, le=1)] = 1.0
    user: str | None = None


def check(body: Body, prompts: int) -> None:
    """Raises RequestError for fields that don't fit together; `prompts` is how many there are."""
    if body.best_of is not None and body.best_of != body.n:
        raise _other_best_of(body.best_of, body.n)
    if body.echo:
        _check_echo(body)
    if body.stream_options is not None and not body.stream:
        raise errors.only_with("stream_options", "stream")
    if prompts * body.n > MOST_TEXTS:
        raise RequestError(
            f"Too many parallel completions requested: {prompts} prompts with 'n' {body.n}, but "
            f"at most {MOST_TEXTS} completions can be requested at once.",
            param="n",
        )


def _check_echo(body: Body) -> None:
    if body.logprobs is not None:
        raise errors.unsupported(
            "echo", "true with 'logprobs'", "A prompt's log-probabilities are not known."
        )
    if not isinstance(body.prompt, str) and not isinstance(body.prompt[0], str):
        raise errors.unsupported(
            "echo", "true with token ids", "Give the prompt as text to have it back."
        )


def _other_best_of(best_of: int, n: int) -> RequestError:
    if best_of < n:
        return RequestError(
            "You requested that the server return more choices than it will generate "
            f"(HINT: set 'best_of' (currently {best_of}) >= 'n' (currently {n})).",
            param="best_of",
        )
    return errors.unsupported(
        "best_of",
        f"{best_of} with 'n' {n}",
        f"It returns all that it generates: give {n}, or no 'best_of' at all.",
    )
