"""`POST /v1/chat/completions`: a body in, a call out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic_core import to_json

from slmtape.errors import SlmtapeError
from slmtape.generation import GenerationRequest, GenerationResult
from slmtape.protocols import Incoming, Served
from slmtape.protocols.openai import chat_body, fields
from slmtape.protocols.openai.chat_answer import ChatEvents, Form, completion
from slmtape.protocols.openai.chat_body import Body
from slmtape.protocols.openai.chat_format import json_format
from slmtape.protocols.openai.chat_messages import check_contents, conversation
from slmtape.protocols.openai.chat_stored import mark, storing
from slmtape.protocols.openai.chat_tools import legacy_use, tool_use
from slmtape.protocols.openai.memory import Memory
from slmtape.protocols.openai.tools import ToolUse
from slmtape.protocols.openai.wire import Extras


@dataclass(frozen=True, slots=True)
class ChatCall:
    """A chat completion as it was asked for.

    `form` is how its answer is written; `store` keeps what was answered, or is None.
    """

    request: GenerationRequest
    n: int
    stream: bool
    form: Form
    store: Callable[[dict[str, Any]], None] | None = None
    background = False

    @property
    def requests(self) -> Sequence[GenerationRequest]:
        """What is asked."""
        return [self.request]

    @property
    def model(self) -> str:
        """The name that was asked for."""
        return self.form.model

    def render(self, keys: Sequence[str], results: Sequence[GenerationResult]) -> bytes:
        """The body of the whole answer."""
        return to_json(completion(keys, results, self.form))

    def rendering(self, keys: Sequence[str]) -> ChatEvents:
        """The answer as events."""
        return ChatEvents(keys, self.form)

    def begin(self, keys: Sequence[str], cancel: Callable[[], object]) -> bytes:
        """Never called: chat completions are answered at once."""
        raise NotImplementedError

    def keep(self, keys: Sequence[str], outcome: Sequence[GenerationResult] | SlmtapeError) -> None:
        """Remember a complete answer, where `store` was asked for."""
        if self.store and not isinstance(outcome, SlmtapeError):
            self.store(completion(keys, outcome, self.form))


def parse(incoming: Incoming) -> ChatCall:
    """The call in a body. Raises RequestError."""
    served = incoming.served
    body, extras = chat_body.read(incoming)
    tools = _tools(body)
    call = ChatCall(
        request=_request(body, tools, extras, served),
        n=body.n,
        stream=body.stream,
        form=_form(body, tools, served),
    )
    check_contents(body.messages)
    return _stored(call, body, incoming.memory) if body.store else call


def _stored(call: ChatCall, body: Body, memory: Memory) -> ChatCall:
    """The call whose answer is kept."""
    form = replace(
        call.form,
        metadata=body.metadata or {},
        mark=mark(memory.asked, call.request, body),
    )
    return replace(call, form=form, store=storing(memory.completions, body))


def _request(body: Body, tools: ToolUse, extras: Extras, served: Served) -> GenerationRequest:
    messages = conversation(body.messages, served)
    return GenerationRequest(
        messages=messages,
        temperature=body.temperature,
        top_p=body.top_p,
        presence_penalty=body.presence_penalty,
        frequency_penalty=body.frequency_penalty,
        logit_bias=fields.biases(body.logit_bias),
        max_tokens=body.max_completion_tokens or body.max_tokens,
        stop=(body.stop,) if isinstance(body.stop, str) else tuple(body.stop or ()),
        seed=body.seed,
        response_format=json_format(body.response_format, messages),
        top_logprobs=(body.top_logprobs or 0) if body.logprobs else None,
        reasoning_effort=body.reasoning_effort,
        extras=extras,
        model=fields.served_model(served, body.model),
        **tools.fields,
    )


def _form(body: Body, tools: ToolUse, served: Served) -> Form:
    options = body.stream_options
    return Form(
        model=body.model,
        service_tier=fields.served_tier(body.service_tier),
        include_usage=bool(options and options.include_usage),
        logprobs=body.logprobs,
        named=tools.named,
        legacy=body.functions is not None,
        reasoning=served.reasoning_content,
    )


def _tools(body: Body) -> ToolUse:
    legacy = legacy_use(body.functions, body.function_call)
    modern = tool_use(body.tools, body.tool_choice, body.parallel_tool_calls)
    return modern if body.functions is None else legacy
