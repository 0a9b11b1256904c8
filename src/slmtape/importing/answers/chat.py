"""Answers of `/chat/completions`: a whole message is read like a single delta."""

from collections.abc import Mapping, Sequence
from typing import Any

from slmtape.generation import GenerationRequest
from slmtape.importing.answers import Answer, Unreadable
from slmtape.importing.answers.choices import answer, said
from slmtape.importing.answers.said import Call, Said, token
from slmtape.protocols import ParsedCall

_THOUGHTS = ("reasoning_content", "reasoning")
"""Where some servers tell what was thought; OpenAI doesn't."""


def read(call: ParsedCall, told: Sequence[Mapping[str, Any]]) -> Answer:
    """The choices. Raises Unreadable."""
    [request] = call.requests
    assert isinstance(request, GenerationRequest)
    prompts = [message.content for message in request.messages]
    return answer(call, told, said(told, _add), prompts)


def _add(said: Said, choice: Mapping[str, Any]) -> None:
    delta = choice.get("delta") or choice.get("message") or {}
    if delta.get("audio"):
        raise Unreadable("It was spoken: recordings hold no audio.")
    said.reasoning += [delta[name] for name in _THOUGHTS if delta.get(name)][:1]
    if delta.get("content"):
        said.text.append(_text(delta["content"]))
    if delta.get("refusal"):
        said.refusal.append(delta["refusal"])
    if delta.get("annotations"):
        said.lost.append("annotations")
    for position, call in enumerate(delta.get("tool_calls") or ()):
        _add_call(said, call, position)
    if delta.get("function_call"):
        _add_function(said, 0, delta["function_call"])
    logprobs = choice.get("logprobs") or {}
    said.tokens += [token(one) for one in logprobs.get("content") or ()]
    if logprobs.get("refusal"):
        said.lost.append("log-probabilities of the refusal")


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def _add_call(said: Said, call: Mapping[str, Any], position: int) -> None:
    if call.get("type") not in (None, "", "function"):
        raise Unreadable(f"It calls a tool of the type {call['type']!r}, which is not served here.")
    _add_function(said, call.get("index", position), call["function"])


def _add_function(said: Said, index: int, told: Mapping[str, Any]) -> None:
    call = said.calls.get(index)
    if call is None:
        call = said.calls[index] = Call(str(told["name"]))
    if told.get("arguments"):
        call.arguments.append(told["arguments"])
