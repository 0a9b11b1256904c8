"""`POST /v1/chat/completions`: a body in, a call out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from slmtape.errors import RequestError, SlmtapeError
from slmtape.generation import GenerationRequest, GenerationResult
from slmtape.protocols import Incoming
from slmtape.protocols.openai import chat_body
from slmtape.protocols.openai.chat_answer import ChatEvents, completion


@dataclass(frozen=True, slots=True)
class ChatCall:
    """A chat completion as it was asked for. `model` is the name the client used."""

    model: str
    request: GenerationRequest
    n: int
    stream: bool
    include_usage: bool
    service_tier: str
    background = False

    @property
    def requests(self) -> Sequence[GenerationRequest]:
        """What is asked."""
        return [self.request]

    def render(self, keys: Sequence[str], results: Sequence[GenerationResult]) -> bytes:
        """The body of the whole answer."""
        return completion(keys, results, model=self.model, service_tier=self.service_tier)

    def rendering(self, keys: Sequence[str]) -> ChatEvents:
        """The answer as events."""
        return ChatEvents(
            keys,
            model=self.model,
            service_tier=self.service_tier,
            include_usage=self.include_usage,
        )

    def begin(self, keys: Sequence[str], cancel: Callable[[], object]) -> bytes:
        """Never called: chat completions are answered at once."""
        raise NotImplementedError

    def keep(self, keys: Sequence[str], outcome: Sequence[GenerationResult] | SlmtapeError) -> None:
        """Nothing is remembered."""


def parse(incoming: Incoming) -> ChatCall:
    """The call in a body. Raises RequestError."""
    served = incoming.served
    body = chat_body.read(incoming.body, incoming.content_type)
    biases, messages = chat_body.biases(body), chat_body.messages(body)
    model = served.find(body.model)
    if model is None:
        raise RequestError(
            f"The model `{body.model}` does not exist or you do not have access to it. "
            f"Served here: {', '.join(served.names)}.",
            code="model_not_found",
            status=404,
        )
    options = body.stream_options
    return ChatCall(
        model=body.model,
        request=GenerationRequest(
            model=model,
            messages=messages,
            temperature=body.temperature,
            top_p=body.top_p,
            presence_penalty=body.presence_penalty,
            frequency_penalty=body.frequency_penalty,
            logit_bias=biases,
            max_tokens=body.max_completion_tokens or body.max_tokens,
            stop=(body.stop,) if isinstance(body.stop, str) else tuple(body.stop or ()),
            seed=body.seed,
        ),
        n=body.n,
        stream=body.stream,
        include_usage=bool(options and options.include_usage),
        service_tier="default" if body.service_tier == "auto" else body.service_tier,
    )
