"""What may stand in the body of `POST /v1/responses`, and what is done with it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, ValidationError

from slmtape.errors import RequestError
from slmtape.protocols.openai import errors
from slmtape.protocols.openai.fields import INT32, Moderation, Text64
from slmtape.protocols.openai.metadata import Metadata
from slmtape.protocols.openai.metadata import check as check_metadata
from slmtape.protocols.openai.responses_format import TextConfig
from slmtape.protocols.openai.wire import Extras, Strict, Treatment, plain, read

FIELDS = {
    "model": Treatment.USED,
    "input": Treatment.USED,
    "previous_response_id": Treatment.USED,
    "prompt": Treatment.REFUSED,
    "include": Treatment.USED,
    "tools": Treatment.USED,
    "tool_choice": Treatment.USED,
    "metadata": Treatment.ECHOED,
    "text": Treatment.USED,
    "temperature": Treatment.USED,
    "top_p": Treatment.USED,
    "parallel_tool_calls": Treatment.USED,
    "reasoning": Treatment.USED,
    "user": Treatment.ECHOED,
    "safety_identifier": Treatment.ECHOED,
    "prompt_cache_key": Treatment.ECHOED,
    "prompt_cache_options": Treatment.ACCEPTED,
    "prompt_cache_retention": Treatment.ECHOED,
    "conversation": Treatment.USED,
    "context_management": Treatment.ACCEPTED,
    "moderation": Treatment.ACCEPTED,
    "access_programs": Treatment.REFUSED,
    "image": Treatment.ACCEPTED,
    "stream": Treatment.USED,
    "stream_options": Treatment.ACCEPTED,
    "background": Treatment.USED,
    "background_options": Treatment.ACCEPTED,
    "max_output_tokens": Treatment.USED,
    "max_tool_calls": Treatment.ECHOED,
    "truncation": Treatment.USED,
    "instructions": Treatment.USED,
    "store": Treatment.USED,
    "service_tier": Treatment.ECHOED,
    "top_logprobs": Treatment.USED,
}
"""Every field of OpenAI's, in the order in which OpenAI reports mistakes."""

COUNTED = {
    "model": Treatment.USED,
    "input": Treatment.USED,
    "previous_response_id": Treatment.USED,
    "tools": Treatment.USED,
    "tool_choice": Treatment.USED,
    "text": Treatment.USED,
    "parallel_tool_calls": Treatment.USED,
    "reasoning": Treatment.USED,
    "conversation": Treatment.USED,
    "personality": Treatment.ACCEPTED,
    "truncation": Treatment.ACCEPTED,
    "instructions": Treatment.USED,
}
"""The same of `POST /v1/responses/input_tokens`."""

_MOVED = {
    "messages": "input",
    "response_format": "text.format",
    "max_tokens": "max_output_tokens",
    "max_completion_tokens": "max_output_tokens",
    "reasoning_effort": "reasoning.effort",
    "verbosity": "text.verbosity",
}
"""What Chat Completions call otherwise."""


class Reasoning(Strict):
    """`reasoning`."""

    effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = None
    summary: Literal["auto", "concise", "detailed"] | None = None
    generate_summary: Literal["auto", "concise", "detailed"] | None = None
    context: Literal["auto", "current_turn", "all_turns"] | None = None
    mode: str | None = None


class StreamOptions(Strict):
    """`stream_options`."""

    include_obfuscation: bool | None = None


class Managed(Strict):
    """One of `context_management`. No context that fits is compacted."""

    type: str
    compact_threshold: Annotated[int, Field(ge=1000)] | None = None


class CacheOptions(Strict):
    """`prompt_cache_options`."""

    comparison_response_id: str | None = None
    mode: Literal["implicit", "explicit"] | None = None
    prewarm: bool | None = None
    ttl: Literal["30m", "12h"] | None = None


class BackgroundOptions(Strict):
    """`background_options`."""

    completion_window: Literal["soonest", "2h", "8h"] | None = None
    continuation_id: str | None = None


class Conversation(Strict):
    """`conversation` as an object."""

    id: str


class Counted(Strict):
    """What decides a prompt: a body of `POST /v1/responses/input_tokens`."""

    model: str
    input: Any = None
    previous_response_id: str | None = None
    tools: list[Any] | None = None
    tool_choice: Any = None
    text: TextConfig = Field(default_factory=TextConfig)
    parallel_tool_calls: bool = True
    reasoning: Reasoning = Field(default_factory=Reasoning)
    conversation: Any = None
    truncation: Literal["auto", "disabled"] = "disabled"
    instructions: str | None = None


class CountBody(Counted):
    """The same, with what it has alone."""

    personality: Text64 | None = None


class Body(Counted):
    """A body of `POST /v1/responses` without its refused fields."""

    include: list[
        Literal[
            "file_search_call.results",
            "web_search_call.results",
            "web_search_call.action.sources",
            "message.input_image.image_url",
            "computer_call_output.output.image_url",
            "code_interpreter_call.outputs",
            "reasoning.encrypted_content",
            "message.output_text.logprobs",
        ]
    ] = Field(default_factory=list)
    metadata: Metadata = Field(default_factory=dict)
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] = 1.0
    user: str | None = None
    safety_identifier: Text64 | None = None
    prompt_cache_key: str | None = None
    prompt_cache_options: CacheOptions | None = None
    prompt_cache_retention: Literal["in_memory", "24h"] | None = None
    context_management: list[Managed] | None = None
    moderation: Moderation | None = None
    image: dict[str, Any] | None = None
    stream: bool = False
    stream_options: StreamOptions | None = None
    background: bool = False
    background_options: BackgroundOptions | None = None
    max_output_tokens: Annotated[int, Field(ge=16, le=INT32)] | None = None
    max_tool_calls: Annotated[int, Field(ge=1, le=INT32)] | None = None
    store: bool = True
    service_tier: Literal["auto", "default", "flex", "scale", "priority", "fast", "ultrafast"] = (
        "auto"
    )
    top_logprobs: Annotated[int, Field(ge=0, le=20)] = 0

    @property
    def logprobs(self) -> int | None:
        """How many alternatives to each token are wanted; None: not even its own probability."""
        return self.top_logprobs if "message.output_text.logprobs" in self.include else None


Asked = TypeVar("Asked", bound=Counted)


def read_body(
    model: type[Asked],
    fields: Mapping[str, Treatment],
    raw: bytes,
    content_type: str | None,
    *,
    lenient: bool,
) -> tuple[Asked, Extras]:
    """The body of a request, which has these fields, and what OpenAI does not know, if `lenient`.

    Raises RequestError, in OpenAI's words and order.
    """
    given = _given(errors.read_object(raw, content_type))
    refused = [name for name in fields if fields[name] is Treatment.REFUSED and name in given]
    _check_input(given, refused)
    extras = {name: given.pop(name) for name in list(given) if name not in fields}
    _check_names(extras, fields, lenient=lenient)
    for name in refused:
        del given[name]
    try:
        body = model.model_validate(given)
    except ValidationError as error:
        raise errors.mistake(error.errors(), list(fields)) from error
    for name in refused:
        raise errors.unsupported_parameter(name)
    return body, plain(extras)


def check(body: Body) -> None:
    """Raises RequestError for fields that don't go together."""
    if body.stream_options is not None and not body.stream:
        raise errors.only_with("stream_options", "stream")
    check_metadata(body.metadata)
    if body.background and not body.store:
        raise RequestError(
            "Background mode requires 'store' to be true: the answer is asked for later.",
            param="background",
        )


def conversation_id(body: Counted) -> str | None:
    """The conversation that a body names. Raises RequestError."""
    given = body.conversation
    if isinstance(given, dict):
        given = read(Conversation, given, "conversation").id
    if given is not None and not isinstance(given, str):
        raise errors.wrong_type("conversation", "one of a string or object", given)
    if given is not None and body.previous_response_id is not None:
        raise RequestError(
            "Mutually exclusive parameters: 'previous_response_id' and 'conversation'. "
            "Ensure you are only providing one of them.",
            code="mutually_exclusive_parameters",
        )
    return given


_STATE = {"previous_response_id", "conversation"}


def _given(sent: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that are not null, which means "not given". Those that must be there are."""
    if sent.get("model", "") is None:
        raise errors.wrong_type("model", "a string", None)
    given = {name: value for name, value in sent.items() if value is not None}
    if "model" not in given:
        raise errors.missing("model")
    return given


def _check_input(given: Collection[str], refused: Sequence[str]) -> None:
    """Raises RequestError where nothing is asked, or by a field that is not for it here."""
    if "input" in given or not _STATE.isdisjoint(given):
        return
    if "messages" in given:
        raise _moved("messages")
    if "prompt" in refused:
        raise errors.unsupported_parameter("prompt")
    raise errors.missing("input")


def _check_names(given: Iterable[str], fields: Iterable[str], *, lenient: bool) -> None:
    for name in given:
        if name in _MOVED:
            raise _moved(name)
        if not lenient:
            raise errors.unknown(name, known=fields)


def _moved(name: str) -> RequestError:
    return RequestError(
        f"Unsupported parameter: '{name}'. In the Responses API, this parameter has moved "
        f"to '{_MOVED[name]}'. Try again with the new parameter.",
        param=name,
        code="unsupported_parameter",
    )
