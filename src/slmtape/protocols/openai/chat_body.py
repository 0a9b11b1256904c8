"""What may stand in the body of `POST /v1/chat/completions`, and what is done with it."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from slmtape.errors import RequestError
from slmtape.protocols import Incoming
from slmtape.protocols.openai import errors, fields
from slmtape.protocols.openai.chat_format import ResponseFormat
from slmtape.protocols.openai.chat_messages import Content, WireMessage, one_or_many
from slmtape.protocols.openai.chat_tools import legacy_functions
from slmtape.protocols.openai.fields import INT32, INT64, Bias, Moderation, Text64
from slmtape.protocols.openai.metadata import Metadata
from slmtape.protocols.openai.metadata import check as check_metadata
from slmtape.protocols.openai.tools import CHAT, MOST, functions
from slmtape.protocols.openai.wire import Extras, Objects, Strict, Treatment, told_by

FIELDS = {
    "model": Treatment.USED,
    "messages": Treatment.USED,
    "functions": Treatment.USED,
    "function_call": Treatment.USED,
    "tools": Treatment.USED,
    "tool_choice": Treatment.USED,
    "parallel_tool_calls": Treatment.USED,
    "max_completion_tokens": Treatment.USED,
    "n": Treatment.USED,
    "temperature": Treatment.USED,
    "top_p": Treatment.USED,
    "presence_penalty": Treatment.USED,
    "frequency_penalty": Treatment.USED,
    "logprobs": Treatment.USED,
    "top_logprobs": Treatment.USED,
    "user": Treatment.ACCEPTED,
    "safety_identifier": Treatment.ACCEPTED,
    "prompt_cache_key": Treatment.ACCEPTED,
    "prompt_cache_options": Treatment.ACCEPTED,
    "prompt_cache_retention": Treatment.ACCEPTED,
    "seed": Treatment.USED,
    "logit_bias": Treatment.USED,
    "modalities": Treatment.ACCEPTED,
    "audio": Treatment.REFUSED,
    "prediction": Treatment.ACCEPTED,
    "reasoning_effort": Treatment.USED,
    "response_format": Treatment.USED,
    "service_tier": Treatment.ECHOED,
    "max_tokens": Treatment.USED,
    "stop": Treatment.USED,
    "stream": Treatment.USED,
    "stream_options": Treatment.USED,
    "store": Treatment.ACCEPTED,
    "metadata": Treatment.ECHOED,
    "moderation": Treatment.ACCEPTED,
    "verbosity": Treatment.ACCEPTED,
    "web_search_options": Treatment.ACCEPTED,
}
"""Every field of OpenAI's, in the order in which OpenAI reports mistakes."""

Tokens = Annotated[int, Field(ge=1, le=INT32)]
Penalty = Annotated[float, Field(ge=-2, le=2)]
Definitions = Annotated[list[Any], Field(min_length=1, max_length=MOST)]
Tools = Annotated[Definitions, told_by(lambda given: list(functions(given, CHAT)))]
Functions = Annotated[Definitions, told_by(legacy_functions)]

Stop = Annotated[
    Annotated[str, Tag(errors.ONE)]
    | Annotated[list[str], Field(min_length=1, max_length=4), Tag(errors.MANY)],
    Discriminator(
        one_or_many,
        custom_error_type="string_or_strings",
        custom_error_message="expected a string or an array of strings",
    ),
]


class StreamOptions(Strict):
    """`stream_options`."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class CacheOptions(Strict):
    """`prompt_cache_options`."""

    mode: Literal["implicit", "explicit"] | None = None
    ttl: Literal["30m"] | None = None


class Prediction(Strict):
    """`prediction`: a text that the answer may be much alike."""

    type: Literal["content"]
    content: Content


class Place(Strict):
    """`web_search_options.user_location.approximate`."""

    city: str | None = None
    country: str | None = None
    region: str | None = None
    timezone: str | None = None


class UserLocation(Strict):
    """`web_search_options.user_location`."""

    type: Literal["approximate"]
    approximate: Place


class WebSearchOptions(Strict):
    """`web_search_options`."""

    search_context_size: Literal["low", "medium", "high"] | None = None
    user_location: UserLocation | None = None


class Body(Strict):
    """A body without its refused fields."""

    model: str
    messages: Annotated[list[WireMessage], Field(min_length=1), Objects]
    functions: Functions | None = None
    function_call: Any = None
    tools: Tools | None = None
    tool_choice: Any = None
    parallel_tool_calls: bool | None = None
    max_completion_tokens: Tokens | None = None
    n: Annotated[int, Field(ge=1, le=128)] = 1
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    top_p: Annotated[float, Field(ge=0, le=1)] = 1.0
    presence_penalty: Penalty = 0.0
    frequency_penalty: Penalty = 0.0
    logprobs: bool = False
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    user: str | None = None
    safety_identifier: Text64 | None = None
    prompt_cache_key: str | None = None
    prompt_cache_options: CacheOptions | None = None
    prompt_cache_retention: Literal["in_memory", "24h"] | None = None
    seed: Annotated[int, Field(ge=-INT64 - 1, le=INT64)] | None = None
    logit_bias: dict[str, Bias] | None = None
    modalities: Annotated[list[Literal["text", "audio"]], Field(min_length=1)] | None = None
    prediction: Prediction | None = None
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = (
        None
    )
    response_format: ResponseFormat | None = None
    service_tier: Literal["auto", "default", "flex", "scale", "priority", "fast"] = "auto"
    max_tokens: Tokens | None = None
    stop: Stop | None = None
    stream: bool = False
    stream_options: StreamOptions | None = None
    store: bool = False
    metadata: Metadata | None = None
    moderation: Moderation | None = None
    verbosity: Literal["low", "medium", "high"] | None = None
    web_search_options: WebSearchOptions | None = None


def read(incoming: Incoming) -> tuple[Body, Extras]:
    """The body of a request, and what OpenAI does not know, if that is let through.

    Raises RequestError, in OpenAI's words and order.
    """
    body, extras = fields.read(incoming, Body, FIELDS, needed=("messages",))
    _check(body)
    return body, extras


def _check(body: Body) -> None:
    if body.functions is not None and body.tools is not None:
        raise RequestError(
            "Setting 'functions' and 'tools' at the same time is not supported. "
            "Give 'tools' alone.",
            param="functions",
        )
    if body.max_tokens is not None and body.max_completion_tokens is not None:
        raise RequestError(
            "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported. "
            "Give 'max_completion_tokens' alone.",
            param="max_tokens",
        )
    if body.top_logprobs is not None and not body.logprobs:
        raise errors.only_with("top_logprobs", "logprobs")
    if "audio" in (body.modalities or ()):
        raise errors.unsupported("modalities", "'audio'", "Ask for ['text'].")
    if body.stream_options is not None and not body.stream:
        raise errors.only_with("stream_options", "stream")
    check_metadata(body.metadata or {})
