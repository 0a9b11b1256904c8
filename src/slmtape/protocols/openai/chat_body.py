"""What may stand in the body of `POST /v1/chat/completions`, and what is done with it."""

import re
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, ValidationError

from slmtape.errors import RequestError
from slmtape.generation import Message
from slmtape.protocols.openai import errors
from slmtape.protocols.openai.wire import Strict, Treatment

FIELDS = {
    "model": Treatment.USED,
    "messages": Treatment.USED,
    "functions": Treatment.REFUSED,
    "function_call": Treatment.REFUSED,
    "tools": Treatment.REFUSED,
    "tool_choice": Treatment.REFUSED,
    "parallel_tool_calls": Treatment.REFUSED,
    "max_completion_tokens": Treatment.USED,
    "n": Treatment.USED,
    "temperature": Treatment.USED,
    "top_p": Treatment.USED,
    "presence_penalty": Treatment.USED,
    "frequency_penalty": Treatment.USED,
    "logprobs": Treatment.REFUSED,
    "top_logprobs": Treatment.REFUSED,
    "user": Treatment.ACCEPTED,
    "safety_identifier": Treatment.ACCEPTED,
    "prompt_cache_key": Treatment.ACCEPTED,
    "prompt_cache_options": Treatment.ACCEPTED,
    "prompt_cache_retention": Treatment.ACCEPTED,
    "seed": Treatment.USED,
    "logit_bias": Treatment.USED,
    "modalities": Treatment.REFUSED,
    "audio": Treatment.REFUSED,
    "prediction": Treatment.ACCEPTED,
    "reasoning_effort": Treatment.REFUSED,
    "response_format": Treatment.REFUSED,
    "service_tier": Treatment.ECHOED,
    "max_tokens": Treatment.USED,
    "stop": Treatment.USED,
    "stream": Treatment.USED,
    "stream_options": Treatment.USED,
    "store": Treatment.ACCEPTED,
    "metadata": Treatment.ACCEPTED,
    "moderation": Treatment.REFUSED,
    "verbosity": Treatment.REFUSED,
    "web_search_options": Treatment.REFUSED,
}
"""Every field of OpenAI's, in the order in which OpenAI reports mistakes."""

_REFUSED = [name for name, treatment in FIELDS.items() if treatment is Treatment.REFUSED]
_ASKS_NOTHING = {
    "logprobs": False,
    "modalities": ["text"],
    "response_format": {"type": "text"},
}
"""Values of refused fields that ask for what is done anyway."""

_INT32 = 2**31 - 1
_INT64 = 2**63 - 1
_BIAS_KEY = re.compile(r"0|[1-9][0-9]{0,8}")

Text64 = Annotated[str, Field(max_length=64)]
Tokens = Annotated[int, Field(ge=1, le=_INT32)]
Penalty = Annotated[float, Field(ge=-2, le=2)]


def _one_or_many(value: Any) -> str | None:
    if isinstance(value, str):
        return errors.ONE
    return errors.MANY if isinstance(value, list) else None


class Part(Strict):
    """A content part. Those a text model can't take are refused by their type."""

    type: Literal["text", "refusal", "image_url", "input_audio", "file"]
    text: str | None = None
    refusal: Any = None
    image_url: Any = None
    input_audio: Any = None
    file: Any = None
    prompt_cache_breakpoint: Any = None


Content = Annotated[
    Annotated[str, Tag(errors.ONE)] | Annotated[list[Part], Tag(errors.MANY)],
    Discriminator(
        _one_or_many,
        custom_error_type="string_or_parts",
        custom_error_message="expected a string or an array of objects",
    ),
]
Stop = Annotated[
    Annotated[str, Tag(errors.ONE)]
    | Annotated[list[str], Field(min_length=1, max_length=4), Tag(errors.MANY)],
    Discriminator(
        _one_or_many,
        custom_error_type="string_or_strings",
        custom_error_message="expected a string or an array of strings",
    ),
]


class WireMessage(Strict):
    """A message of any role; what a role may not have is checked with the message."""

    role: Literal["system", "assistant", "user", "function", "tool", "developer"]
    content: Content | None = None
    name: str | None = None
    refusal: Any = None
    annotations: Any = None
    audio: Any = None
    function_call: Any = None
    tool_calls: Any = None
    tool_call_id: Any = None


class StreamOptions(Strict):
    """`stream_options`."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class Body(Strict):
    """A body without its refused fields."""

    model: str
    messages: Annotated[list[WireMessage], Field(min_length=1)]
    max_completion_tokens: Tokens | None = None
    n: Annotated[int, Field(ge=1, le=128)] = 1
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    top_p: Annotated[float, Field(ge=0, le=1)] = 1.0
    presence_penalty: Penalty = 0.0
    frequency_penalty: Penalty = 0.0
    user: str | None = None
    safety_identifier: Text64 | None = None
    prompt_cache_key: str | None = None
    prompt_cache_options: dict[str, Any] | None = None
    prompt_cache_retention: Literal["in_memory", "24h"] | None = None
    seed: Annotated[int, Field(ge=-_INT64 - 1, le=_INT64)] | None = None
    logit_bias: dict[str, Annotated[float, Field(ge=-100, le=100)]] | None = None
    prediction: dict[str, Any] | None = None
    service_tier: Literal["auto", "default", "flex", "scale", "priority", "fast"] = "auto"
    max_tokens: Tokens | None = None
    stop: Stop | None = None
    stream: bool = False
    stream_options: StreamOptions | None = None
    store: bool | None = None
    metadata: dict[Text64, Annotated[str, Field(max_length=512)]] | None = None


def read(raw: bytes, content_type: str | None) -> Body:
    """The body of a request. Raises RequestError, in OpenAI's words and order."""
    given: dict[str, Any] = {}
    refused: dict[str, Any] = {}
    for name, value in errors.read_object(raw, content_type).items():
        if value is not None:  # for OpenAI null means "not given"
            (refused if name in _REFUSED else given)[name] = value
    if "model" not in given:
        raise RequestError("you must provide a model parameter")
    if "messages" not in given:
        raise errors.missing("messages")
    try:
        body = Body.model_validate(given)
    except ValidationError as error:
        raise errors.mistake(error.errors(), list(FIELDS)) from error
    for name in sorted(refused, key=_REFUSED.index):
        if not _asks_nothing(name, refused[name]):
            raise RequestError(
                f"Unsupported parameter: '{name}' is not supported by this server.",
                param=name,
                code="unsupported_parameter",
            )
    _check(body)
    return body


def biases(body: Body) -> tuple[tuple[int, float], ...]:
    """`logit_bias` by token id."""
    given = body.logit_bias or {}
    for token in given:
        if not _BIAS_KEY.fullmatch(token):
            raise RequestError(
                f"Invalid key in 'logit_bias': {token}. "
                "You should only be submitting non-negative integers.",
                param="logit_bias",
                code="invalid_value",
            )
    return tuple((int(token), bias) for token, bias in given.items())


def messages(body: Body) -> tuple[Message, ...]:
    """The conversation. Raises RequestError for what can't be part of one."""
    return tuple(_message(message, f"messages[{i}]", i) for i, message in enumerate(body.messages))


def _asks_nothing(name: str, value: Any) -> bool:
    return type(value) is type(_ASKS_NOTHING.get(name)) and value == _ASKS_NOTHING[name]


def _check(body: Body) -> None:
    if body.max_tokens is not None and body.max_completion_tokens is not None:
        raise RequestError(
            "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported. "
            "Give 'max_completion_tokens' alone.",
            param="max_tokens",
        )
    if body.stream_options is not None and not body.stream:
        raise RequestError(
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
            param="stream_options",
        )
    if body.metadata is not None and len(body.metadata) > 16:
        raise RequestError(
            "Invalid 'metadata': too many properties. Expected an object with at most 16 "
            f"properties, but got an object with {len(body.metadata)} properties instead.",
            param="metadata",
            code="object_above_max_properties",
        )


def _message(message: WireMessage, path: str, index: int) -> Message:
    role = message.role
    if role == "tool" or role == "function":  # spelled out for mypy
        raise _unsupported(f"{path}.role", f"the role '{role}'")
    for name in ("tool_calls", "function_call", "audio", "refusal", "annotations", "tool_call_id"):
        value = getattr(message, name)
        if value == [] and name == "tool_calls":
            raise errors.empty_array(f"{path}.{name}")
        if value:
            if role != "assistant":
                raise errors.unknown(f"{path}.{name}")
            raise _unsupported(f"{path}.{name}", f"'{name}'")
    if message.content is None:
        raise RequestError(
            "Invalid value for 'content': expected a string, got null.",
            param=f"messages.[{index}].content",
        )
    if isinstance(message.content, str):
        text = message.content
    else:
        parts = enumerate(message.content)
        text = "\n".join(_text(part, f"{path}.content[{i}]") for i, part in parts)
    return Message(role, text, message.name)


def _text(part: Part, path: str) -> str:
    if part.type != "text":
        raise _unsupported(f"{path}.type", f"content of type '{part.type}'")
    for name in ("refusal", "image_url", "input_audio", "file"):
        if getattr(part, name) is not None:
            raise errors.unknown(f"{path}.{name}")
    if part.text is None:
        raise errors.missing(f"{path}.text")
    return part.text


def _unsupported(param: str, what: str) -> RequestError:
    return RequestError(
        f"Unsupported value: '{param}': {what} is not supported by this server.",
        param=param,
        code="unsupported_value",
    )
