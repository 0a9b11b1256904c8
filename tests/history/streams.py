"""A streamed answer put together again, to be compared with the one that was sent whole."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from openai import OpenAI
from openai.types import Completion
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.history.asked import Asked


def streamed(client: OpenAI, asked: Asked) -> Mapping[str, Any]:
    """What a streamed answer says, as `whole` tells it."""
    options = {"stream": True, "stream_options": {"include_usage": True}}
    body: dict[str, Any] = {"model": "model", **asked.body, **options}
    if asked.path == "/completions":
        return _texts(client.completions.create(**body))
    return _chat(client.chat.completions.create(**body))


def whole(asked: Asked, body: bytes) -> Mapping[str, Any]:
    """What an answer says: who and when, its choices in order, usage."""
    if asked.path == "/completions":
        return _texts([Completion.model_validate_json(body)])
    told = ChatCompletion.model_validate_json(body)
    choices = [
        {
            "text": choice.message.content or "",
            "calls": [
                {"index": index, **call.model_dump()}
                for index, call in enumerate(choice.message.tool_calls or [])
            ],
            "logprobs": _tokens(choice.logprobs),
            "finish_reason": choice.finish_reason,
        }
        for choice in told.choices
    ]
    return _about(told) | {"choices": choices, "usage": told.usage}


def _chat(chunks: Iterable[ChatCompletionChunk]) -> Mapping[str, Any]:
    choices: dict[int, dict[str, Any]] = defaultdict(_nothing)
    told: dict[str, Any] = {}
    for chunk in chunks:
        told |= _about(chunk) | {"usage": chunk.usage}
        for part in chunk.choices:
            choice = choices[part.index]
            choice["text"] += part.delta.content or ""
            choice["logprobs"] += _tokens(part.logprobs)
            choice["finish_reason"] = part.finish_reason
            for call in part.delta.tool_calls or []:
                _add(choice["calls"], call.model_dump(exclude_none=True))
    return told | {"choices": [choices[index] for index in sorted(choices)]}


def _add(calls: list[dict[str, Any]], part: dict[str, Any]) -> None:
    """A call, or more of the arguments of the one before."""
    if part["index"] == len(calls):
        calls.append(part)
    else:
        calls[part["index"]]["function"]["arguments"] += part["function"]["arguments"]


def _texts(chunks: Iterable[Completion]) -> Mapping[str, Any]:
    choices: dict[int, dict[str, Any]] = defaultdict(_nothing)
    told: dict[str, Any] = {}
    for chunk in chunks:
        told |= _about(chunk) | {"usage": chunk.usage}
        for part in chunk.choices:
            choice = choices[part.index]
            choice["text"] += part.text
            choice["finish_reason"] = part.finish_reason
            if part.logprobs:
                choice["logprobs"] += zip(
                    part.logprobs.tokens or [],
                    part.logprobs.token_logprobs or [],
                    part.logprobs.top_logprobs or [],
                    part.logprobs.text_offset or [],
                    strict=True,
                )
    return told | {"choices": [choices[index] for index in sorted(choices)]}


def _nothing() -> dict[str, Any]:
    return {"text": "", "calls": [], "logprobs": [], "finish_reason": None}


def _tokens(logprobs: Any) -> list[Any]:
    return list(logprobs.content or []) if logprobs else []


def _about(told: Any) -> dict[str, Any]:
    return {"id": told.id, "created": told.created, "model": told.model}
