"""Results as a chat completion: one JSON body, or server-sent events."""

import hashlib
from collections.abc import Sequence
from typing import Any

from pydantic_core import to_json

from slmtape.errors import SlmtapeError
from slmtape.generation import GenerationResult, Piece
from slmtape.protocols.openai import errors

_EPOCH = 1735689600
"""2025-01-01: `created` derives from the recording, so it is some moment of that year."""


def completion(
    keys: Sequence[str], results: Sequence[GenerationResult], *, model: str, service_tier: str
) -> bytes:
    """The body of a whole answer. `model` is the name the client asked for."""
    return to_json(
        {
            **_shared(keys, model, service_tier),
            "object": "chat.completion",
            "choices": [
                {
                    "index": index,
                    "message": {
                        "role": "assistant",
                        "content": result.text,
                        "refusal": None,
                        "annotations": [],
                    },
                    "logprobs": None,
                    "finish_reason": result.finish_reason,
                }
                for index, result in enumerate(results)
            ],
            "usage": _usage(results),
        }
    )


class ChatEvents:
    """The answer to one call as server-sent events."""

    def __init__(
        self, keys: Sequence[str], *, model: str, service_tier: str, include_usage: bool
    ) -> None:
        """`keys`: of the choices' recordings; `model`: the name the client asked for."""
        self._choices = len(keys)
        self._include_usage = include_usage
        # Nearly every event is the same but for its text, so the rest is made once.
        shared = {"object": "chat.completion.chunk", **_shared(keys, model, service_tier)}
        self._head = f"data: {_json(shared)[:-1]}"
        self._tail = (',"usage":null' if include_usage else "") + "}\n\n"
        self._after_text = f',"logprobs":null,"finish_reason":null}}]{self._tail}'

    def open(self) -> str:
        """An event for each choice that says who speaks."""
        role = {"role": "assistant", "content": "", "refusal": None}
        return "".join(self._event(index, role, None) for index in range(self._choices))

    def piece(self, index: int, piece: Piece) -> str:
        """The event of a piece of text."""
        delta = f'{{"content":{_json(piece.text)}}}'
        return f'{self._head},"choices":[{{"index":{index},"delta":{delta}{self._after_text}'

    def close(self, results: Sequence[GenerationResult]) -> str:
        """Finish reasons, usage where it was asked for, and `[DONE]`."""
        finishes = [
            self._event(index, {}, result.finish_reason) for index, result in enumerate(results)
        ]
        usage = f'{self._head},"choices":[],"usage":{_json(_usage(results))}}}\n\n'
        return "".join([*finishes, usage if self._include_usage else "", "data: [DONE]\n\n"])

    def error(self, error: SlmtapeError) -> str:
        """The event of an error in the middle."""
        return f"data: {errors.body(error).decode()}\n\n"

    def _event(self, index: int, delta: dict[str, Any], finish_reason: str | None) -> str:
        choice = {
            "index": index,
            "delta": delta,
            "logprobs": None,
            "finish_reason": finish_reason,
        }
        return f'{self._head},"choices":[{_json(choice)}]{self._tail}'


def _shared(keys: Sequence[str], model: str, service_tier: str) -> dict[str, Any]:
    """What the whole answer and each event have. Equal recordings get equal ids."""
    digest = hashlib.sha256("".join(keys).encode()).hexdigest()
    return {
        "id": f"chatcmpl-{digest[:29]}",
        "created": _EPOCH + int(digest[:6], 16),
        "model": model,
        "service_tier": service_tier,
        "system_fingerprint": f"fp_{digest[29:39]}",
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
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _json(value: Any) -> str:
    return to_json(value).decode()
