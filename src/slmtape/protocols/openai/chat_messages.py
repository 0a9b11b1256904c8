"""The conversation in the body of `POST /v1/chat/completions`."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from slmtape.errors import RequestError
from slmtape.generation import Message, ToolCall
from slmtape.protocols import Served
from slmtape.protocols.openai import errors, media
from slmtape.protocols.openai.tools import Name
from slmtape.protocols.openai.wire import Strict

CallId = Annotated[str, Field(min_length=1, max_length=40)]


class Breakpoint(Strict):
    """`prompt_cache_breakpoint`: where a prompt's reusable beginning ends."""

    mode: Literal["explicit"]
    ttl: Literal["30m", "12h"] | None = None


class ImageURL(Strict):
    """`image_url` of a content part."""

    url: str
    detail: Literal["auto", "low", "high", "original"] | None = None


class InputAudio(Strict):
    """`input_audio` of a content part. `data` is base64."""

    data: str
    format: Literal["wav", "mp3"]


class File(Strict):
    """`file` of a content part: an id, or data in base64."""

    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None


class Part(Strict):
    """A content part. What it holds is in the member that is called like its type."""

    type: Literal["text", "image_url", "input_audio", "refusal", "file"]
    text: str | None = None
    image_url: ImageURL | None = None
    input_audio: InputAudio | None = None
    refusal: str | None = None
    file: File | None = None
    prompt_cache_breakpoint: Breakpoint | None = None


def one_or_many(value: Any) -> str | None:
    """Which branch of a union a string or an array takes."""
    if isinstance(value, str):
        return errors.ONE
    return errors.MANY if isinstance(value, list) else None


Content = Annotated[
    Annotated[str, Tag(errors.ONE)] | Annotated[list[Part], Tag(errors.MANY)],
    Discriminator(
        one_or_many,
        custom_error_type="string_or_parts",
        custom_error_message="expected a string or an array of objects",
    ),
]


class FunctionCall(Strict):
    """A call of a function; `arguments` is JSON, or what a model took for it.

    `parsed_arguments`, like `index` and `parsed` below, is what client libraries add to an answer
    that they parsed, and send back with it.
    """

    name: Name
    arguments: str
    parsed_arguments: Any = None


class CalledTool(Strict):
    """A call in `tool_calls`."""

    id: CallId
    type: Literal["function", "custom"]
    function: FunctionCall | None = None
    custom: Any = None
    index: int | None = None


class AudioReference(Strict):
    """`audio` of an assistant's message: an answer that was spoken."""

    id: str


class WireMessage(Strict):
    """A message of any role; what a role may not have is checked with the conversation."""

    role: Literal["system", "assistant", "user", "function", "tool", "developer"]
    content: Content | None = None
    name: str | None = None
    refusal: str | None = None
    annotations: list[Any] | None = None
    audio: AudioReference | None = None
    function_call: FunctionCall | None = None
    tool_calls: Annotated[list[CalledTool], Field(min_length=1)] | None = None
    tool_call_id: CallId | None = None
    reasoning_content: str | None = None
    parsed: Any = None
    provider_specific_fields: Any = None
    thinking_blocks: Any = None


_MEMBERS = {
    "assistant": (
        *("refusal", "annotations", "audio", "function_call", "tool_calls"),
        *("reasoning_content", "parsed"),  # come with answers, and so come back
        *("provider_specific_fields", "thinking_blocks"),  # LiteLLM's, which OpenAI overlooks
    ),
    "tool": ("tool_call_id",),
}
"""What messages of some roles have, and of others don't."""

_PARTS = {"user": ("text", "image_url", "input_audio", "file"), "assistant": ("text", "refusal")}
"""Types of content parts; of roles that are not here: text."""

_OWN = [member for members in _MEMBERS.values() for member in members]
_TYPES = ("text", "image_url", "input_audio", "refusal", "file")


def conversation(given: Sequence[WireMessage], served: Served) -> tuple[Message, ...]:
    """The messages as a GenerationRequest has them. Raises RequestError.

    A legacy `function_call` and the message of the role `function` that answers it become a tool
    call and its result.
    """
    for index, message in enumerate(given):
        _check_members(message, f"messages[{index}]")
    _check_results(given)
    _check_legacy_results(given)
    told: list[Message] = []
    called: str | None = None
    for index, message in enumerate(given):
        text = _text(message, index, served)
        if message.role == "function":
            name = message.name if called is None else None
            told.append(Message("tool", text, name, tool_call_id=called))
            called = None
            continue
        called = f"function_{index}" if message.function_call else None
        calls = _calls(message, called)
        told.append(Message(message.role, text, message.name, calls, message.tool_call_id))
    return tuple(told)


def check_contents(given: Sequence[WireMessage]) -> None:
    """Raises RequestError where a message says nothing. OpenAI looks at this last of all."""
    for index, message in enumerate(given):
        said_otherwise = message.tool_calls or message.function_call or message.refusal is not None
        if message.content is None and not said_otherwise and message.role != "function":
            raise _mistake(
                "Invalid value for 'content': expected a string, got null.",
                f"messages.[{index}].content",
            )


def _check_members(message: WireMessage, path: str) -> None:
    for name in _OWN:
        if getattr(message, name) and name not in _MEMBERS.get(message.role, ()):
            raise errors.unknown(f"{path}.{name}")
    if message.audio:
        raise errors.unsupported(f"{path}.audio", "audio", "Give its transcript as 'content'.")
    if message.role == "tool" and message.tool_call_id is None:
        raise errors.missing(f"{path}.tool_call_id")
    if message.role == "function" and message.name is None:
        raise errors.missing(f"{path}.name")
    for number, call in enumerate(message.tool_calls or ()):
        _check_call(call, f"{path}.tool_calls[{number}]")


def _check_call(call: CalledTool, path: str) -> None:
    if call.type == "custom":
        raise errors.unsupported(f"{path}.type", "the type 'custom'", "Call a function.")
    if call.function is None:
        raise errors.missing(f"{path}.function")
    if call.custom is not None:
        raise errors.unknown(f"{path}.custom")


def _check_results(given: Sequence[WireMessage]) -> None:
    """Raises RequestError unless each tool call has one result, right after the calls."""
    calls: list[str] = []
    waiting: list[str] = []
    for index, message in enumerate(given):
        if message.role == "tool":
            _check_result(message.tool_call_id, calls, waiting, index)
            waiting.remove(str(message.tool_call_id))
            continue
        _check_complete(waiting, index)
        calls = [call.id for call in message.tool_calls or ()]
        waiting = list(calls)
        for number, call in enumerate(calls):
            if call in calls[:number]:
                raise _mistake(
                    f"Duplicate value for 'tool_call_id' of '{call}' in message[{index}]. Every "
                    "tool call needs an id of its own.",
                    f"messages[{index}].tool_calls[{number}].id",
                )
    _check_complete(waiting, len(given) - 1)


def _check_legacy_results(given: Sequence[WireMessage]) -> None:
    """Raises RequestError where the result of one function is told right after another's call."""
    for index, (before, message) in enumerate(pairwise(given), 1):
        called = before.function_call
        if called and message.role == "function" and message.name != called.name:
            raise _mistake(
                f"Invalid value for 'name': the function that was called is '{called.name}', "
                f"but this is the result of '{message.name}'.",
                f"messages.[{index}].name",
            )


def _check_result(
    answered: str | None, calls: Sequence[str], waiting: Sequence[str], index: int
) -> None:
    if not calls:
        raise _mistake(
            "Invalid parameter: messages with role 'tool' must be a response to a preceeding "
            "message with 'tool_calls'.",
            f"messages.[{index}].role",
        )
    if answered not in calls:
        raise _mistake(
            f"Invalid parameter: 'tool_call_id' of '{answered}' not found in 'tool_calls' of "
            f"previous message, which has {errors.listed(calls)}.",
            f"messages.[{index}].tool_call_id",
        )
    if answered not in waiting:
        raise _mistake(
            f"Duplicate value for 'tool_call_id' of '{answered}' in message[{index}]. There is a "
            "response to this tool call already.",
            f"messages.[{index}].tool_call_id",
        )


def _check_complete(waiting: Sequence[str], index: int) -> None:
    if waiting:
        raise _mistake(
            "An assistant message with 'tool_calls' must be followed by tool messages responding "
            "to each 'tool_call_id'. The following tool_call_ids did not have response messages: "
            f"{', '.join(waiting)}",
            f"messages.[{index}].role",
        )


def _calls(message: WireMessage, legacy: str | None) -> tuple[ToolCall, ...]:
    """The calls of a message; `legacy` is the id of its `function_call`."""
    calls = [
        ToolCall(call.function.name, call.function.arguments, call.id)
        for call in message.tool_calls or ()
        if call.function
    ]
    if message.function_call and legacy:
        called = message.function_call
        calls.append(ToolCall(called.name, called.arguments, legacy))
    return tuple(calls)


def _text(message: WireMessage, index: int, served: Served) -> str:
    content = message.content
    if isinstance(content, str):
        return content
    if content is None:
        return message.refusal or ""
    path, types = f"messages[{index}].content", _PARTS.get(message.role, ("text",))
    lines = [_line(part, f"{path}[{n}]", types, served) for n, part in enumerate(content)]
    return "\n".join(lines)


def _line(part: Part, path: str, types: Sequence[str], served: Served) -> str:
    """What is told of a content part."""
    if part.type not in types:
        raise errors.not_among(f"{path}.type", part.type, types)
    for name in _TYPES:
        given = getattr(part, name) is not None
        if name == part.type and not given:
            raise errors.missing(f"{path}.{name}")
        if name != part.type and given:
            raise errors.unknown(f"{path}.{name}")
    if part.image_url or part.input_audio or part.file:
        media.check(served, part.type, path)
    if part.image_url:
        return media.image(f"{path}.image_url.url", url=part.image_url.url)
    if part.input_audio:
        sound = part.input_audio
        return media.audio(f"{path}.input_audio.data", data=sound.data, form=sound.format)
    if part.file:
        held = part.file
        return media.file(
            f"{path}.file", name=held.filename, file_id=held.file_id, data=held.file_data
        )
    return part.text or part.refusal or ""


def _mistake(message: str, param: str) -> RequestError:
    return RequestError(message, param=param)
