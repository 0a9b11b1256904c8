"""A recording in a few words: what was asked, and what was answered."""

import json
from collections.abc import Iterator

from slmtape.cli.visible import line
from slmtape.generation import (
    EmbeddingResult,
    GenerationRequest,
    GenerationResult,
    Message,
    Recording,
    Request,
    ToolCall,
)


def asked(request: Request) -> str:
    """What the user said last, in one line, and what functions returned since."""
    if not isinstance(request, GenerationRequest):
        return line(request.user_text) or "tokens"
    returned = [f"← {message.content}" for message in _since_user(request.messages)]
    said = request.user_text or ("" if request.messages else "tokens")
    return line(" ".join([said, *returned]))


def answered(recording: Recording) -> str:
    """The text, the refusal, the calls, in one line; of an embedding its dimensions."""
    result = recording.result
    if isinstance(result, EmbeddingResult):
        return f"{len(result.vector)} dimensions"
    said = line(" ".join(_said(result)))
    return said or f"nothing ({result.finish_reason})"


def call(one: ToolCall) -> str:
    """A call as programs write it: `get_weather(city="Paris")`."""
    try:
        arguments = json.loads(one.arguments)
        told = [f"{name}={_json(value)}" for name, value in arguments.items()]
    except (ValueError, AttributeError, RecursionError):  # cut off, or no object
        told = [one.arguments]
    return f"{one.name}({', '.join(told)})"


def tokens(recording: Recording) -> tuple[str, str]:
    """How many the prompt has, and the answer."""
    result = recording.result
    if isinstance(result, EmbeddingResult):
        return f"{result.prompt_tokens:,}", ""
    return f"{result.prompt_tokens:,}", f"{result.completion_tokens:,}"


def _since_user(messages: tuple[Message, ...]) -> list[Message]:
    last = max((i for i, one in enumerate(messages) if one.role == "user"), default=-1)
    return [one for one in messages[last + 1 :] if one.role == "tool"]


def _said(result: GenerationResult) -> Iterator[str]:
    yield result.text
    if result.refusal:
        yield f"refused: {result.refusal}"
    yield from map(call, result.tool_calls)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
