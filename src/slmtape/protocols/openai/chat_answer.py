"""Results as a chat completion: one JSON body, or server-sent events."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import to_json

from slmtape.errors import SlmtapeError
from slmtape.generation import GenerationResult, Piece
from slmtape.protocols.openai import errors
from slmtape.protocols.openai.identity import identity
from slmtape.protocols.openai.logprobs import token_logprobs
from slmtape.protocols.openai.tools import call_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How an answer is written, whatever it says.

    `model` is the name the client asked for. `named`: a certain function had to be called.
    `legacy`: a call is a `function_call`. `metadata` is that of an answer that is stored,
    and `mark` what tells it from others of the same recordings. `reasoning`: what was thought is
    told as well, which OpenAI doesn't do.
    """

    model: str
    service_tier: str
    include_usage: bool = False
    logprobs: bool = False
    named: bool = False
    legacy: bool = False
    metadata: Mapping[str, str] | None = None
    mark: str = ""
    reasoning: bool = False


def completion(
    keys: Sequence[str], results: Sequence[GenerationResult], form: Form
) -> dict[str, Any]:
    """A whole answer. `keys` are those of the choices' recordings."""
    choices = [
        {
            "index": index,
            "message": _message(key, result, form),
            "logprobs": _logprobs(result.pieces, form),
            "finish_reason": _finish_reason(result, form),
        }
        for index, (key, result) in enumerate(zip(keys, results, strict=True))
    ]
    return {
        **_shared(keys, form),
        "object": "chat.completion",
        "choices": choices,
        "usage": _usage(results),
        **({} if form.metadata is None else {"metadata": form.metadata}),
    }


class ChatEvents:
    """The answer to one call as server-sent events."""

    def __init__(self, keys: Sequence[str], form: Form) -> None:
        """`keys`: of the choices' recordings."""
        self._keys = keys
        self._form = form
        self._calls = [0] * len(keys)
        # Nearly every event is the same but for its text, so the rest is made once.
        shared = {"object": "chat.completion.chunk", **_shared(keys, form)}
        self._head = f"data: {_json(shared)[:-1]}"
        self._tail = (',"usage":null' if form.include_usage else "") + "}\n\n"
        self._after_text = f',"logprobs":null,"finish_reason":null}}]{self._tail}'

    def open(self) -> str:
        """An event for each choice that says who speaks."""
        role = {"role": "assistant", "content": "", "refusal": None}
        return "".join(self._event(index, role, None) for index in range(len(self._keys)))

    def piece(self, index: int, piece: Piece) -> str:
        """The event of a piece; nothing for thoughts that are not told."""
        if piece.kind == "text":
            if self._form.logprobs:
                logprobs = _logprobs([piece], self._form)
                return self._event(index, {"content": piece.text}, None, logprobs)
            delta = f'{{"content":{_json(piece.text)}}}'
            return f'{self._head},"choices":[{{"index":{index},"delta":{delta}{self._after_text}'
        if piece.kind == "reasoning":
            thought = {"reasoning_content": piece.text}
            return self._event(index, thought, None) if self._form.reasoning else ""
        if piece.kind == "refusal":
            return self._event(index, {"refusal": piece.text}, None)
        return self._event(index, self._call(index, piece), None)

    def close(self, results: Sequence[GenerationResult]) -> str:
        """Finish reasons, usage where it was asked for, and `[DONE]`."""
        finishes = [
            self._event(index, {}, _finish_reason(result, self._form))
            for index, result in enumerate(results)
        ]
        usage = f'{self._head},"choices":[],"usage":{_json(_usage(results))}}}\n\n'
        asked = self._form.include_usage
        return "".join([*finishes, usage if asked else "", "data: [DONE]\n\n"])

    def error(self, error: SlmtapeError) -> str:
        """The event of an error in the middle."""
        return f"data: {errors.body(error).decode()}\n\n"

    def _call(self, index: int, piece: Piece) -> dict[str, Any]:
        """The delta of a call's name, or of its arguments: only the first has id, type, name."""
        if piece.kind == "arguments":
            ordinal = self._calls[index] - 1
            more = {"arguments": piece.text}
            if self._form.legacy:
                return {"function_call": more}
            return {"tool_calls": [{"index": ordinal, "function": more}]}
        ordinal = self._calls[index]
        self._calls[index] += 1
        if self._form.legacy:
            return {"function_call": {"name": piece.text, "arguments": ""}}
        opened = _tool_call(self._keys[index], ordinal, piece.text, "")
        return {"tool_calls": [{"index": ordinal, **opened}]}

    def _event(
        self,
        index: int,
        delta: dict[str, Any],
        finish_reason: str | None,
        logprobs: dict[str, Any] | None = None,
    ) -> str:
        choice = {
            "index": index,
            "delta": delta,
            "logprobs": logprobs,
            "finish_reason": finish_reason,
        }
        return f'{self._head},"choices":[{_json(choice)}]{self._tail}'


def _message(key: str, result: GenerationResult, form: Form) -> dict[str, Any]:
    calls = result.tool_calls
    message: dict[str, Any] = {
        "role": "assistant",
        "content": result.text or (None if calls or result.refusal else ""),
        "refusal": result.refusal or None,
        "annotations": [],
    }
    if result.reasoning and form.reasoning:
        message["reasoning_content"] = result.reasoning
    if calls and form.legacy:
        message["function_call"] = {"name": calls[0].name, "arguments": calls[0].arguments}
    elif calls:
        message["tool_calls"] = [
            _tool_call(key, ordinal, call.name, call.arguments)
            for ordinal, call in enumerate(calls)
        ]
    return message


def _tool_call(key: str, ordinal: int, name: str, arguments: str) -> dict[str, Any]:
    return {
        "id": call_id(key, ordinal),
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    }


def _finish_reason(result: GenerationResult, form: Form) -> str:
    """OpenAI's: a call that had to be this one, and no other, is no reason to stop at."""
    if result.finish_reason != "stop" or form.named or not result.tool_calls:
        return result.finish_reason
    return "function_call" if form.legacy else "tool_calls"


def _logprobs(pieces: Sequence[Piece], form: Form) -> dict[str, Any] | None:
    if not form.logprobs:
        return None
    return {
        "content": [token_logprobs(token) for piece in pieces for token in piece.tokens],
        "refusal": None,
    }


def _shared(keys: Sequence[str], form: Form) -> dict[str, Any]:
    """What the whole answer and each event have."""
    return {
        **identity("chatcmpl", keys, form.mark),
        "model": form.model,
        "service_tier": form.service_tier,
    }


def _usage(results: Sequence[GenerationResult]) -> dict[str, Any]:
    """Tokens of the prompt, counted once, and of all choices."""
    prompt = results[0].prompt_tokens
    completion = sum(result.completion_tokens for result in results)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": sum(result.reasoning_tokens for result in results),
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _json(value: Any) -> str:
    return to_json(value).decode()
