"""Results as a text completion: one JSON body, or server-sent events."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import to_json

from slmtape.errors import SlmtapeError
from slmtape.generation import GenerationResult, Piece, Token
from slmtape.protocols.openai import errors
from slmtape.protocols.openai.identity import identity
from slmtape.protocols.openai.logprobs import finite, spelled

_SAID = ("text", "refusal")
"""The kinds of pieces that are told: a refusal is a text like any other here."""


@dataclass(frozen=True, slots=True)
class Form:
    """How an answer is told.

    `model` is the name the client asked for. `prompts` are the texts that went before, empty
    where only token ids are known; each has `n` choices. `echo`, `logprobs`, `include_usage`:
    whether they were asked for.
    """

    model: str
    prompts: Sequence[str]
    n: int
    echo: bool
    logprobs: bool
    include_usage: bool

    @property
    def before(self) -> Sequence[str]:
        """The prompt of each choice."""
        return [prompt for prompt in self.prompts for _ in range(self.n)]

    def shared(self, keys: Sequence[str]) -> dict[str, Any]:
        """What the whole answer and each event have."""
        return {**identity("cmpl", keys), "object": "text_completion", "model": self.model}

    def usage(self, results: Sequence[GenerationResult]) -> dict[str, int]:
        """Tokens of each prompt, counted once, and of all choices."""
        prompts = sum(result.prompt_tokens for result in results[:: self.n])
        completions = sum(result.completion_tokens for result in results)
        return {
            "prompt_tokens": prompts,
            "completion_tokens": completions,
            "total_tokens": prompts + completions,
        }


def completion(keys: Sequence[str], results: Sequence[GenerationResult], form: Form) -> bytes:
    """The body of a whole answer."""
    choices = [
        {
            "text": before * form.echo + result.text + result.refusal,
            "index": index,
            "logprobs": Logprobs(before).of(result.pieces) if form.logprobs else None,
            "finish_reason": result.finish_reason,
        }
        for index, (before, result) in enumerate(zip(form.before, results, strict=True))
    ]
    return to_json({**form.shared(keys), "choices": choices, "usage": form.usage(results)})


class CompletionEvents:
    """The answer to one call as server-sent events."""

    def __init__(self, keys: Sequence[str], form: Form) -> None:
        """`keys`: of the choices' recordings."""
        self._form = form
        self._shared = form.shared(keys)
        if form.include_usage:
            self._shared["usage"] = None
        self._logprobs = [Logprobs(before) for before in form.before]

    def open(self) -> str:
        """The prompts, where they are echoed."""
        echoed = self._form.before if self._form.echo else ()
        return "".join(self._event(index, prompt) for index, prompt in enumerate(echoed))

    def piece(self, index: int, piece: Piece) -> str:
        """The event of a piece of text."""
        if piece.kind not in _SAID:
            return ""
        asked = self._form.logprobs
        return self._event(index, piece.text, self._logprobs[index].of([piece]) if asked else None)

    def close(self, results: Sequence[GenerationResult]) -> str:
        """Finish reasons, usage where it was asked for, and `[DONE]`."""
        events = [
            self._event(index, "", finish_reason=result.finish_reason)
            for index, result in enumerate(results)
        ]
        if self._form.include_usage:
            usage = self._form.usage(results)
            events.append(_data({**self._shared, "choices": [], "usage": usage}))
        return "".join([*events, "data: [DONE]\n\n"])

    def error(self, error: SlmtapeError) -> str:
        """The event of an error in the middle."""
        return f"data: {errors.body(error).decode()}\n\n"

    def _event(
        self,
        index: int,
        text: str,
        logprobs: dict[str, Any] | None = None,
        finish_reason: str | None = None,
    ) -> str:
        choice = {
            "text": text,
            "index": index,
            "logprobs": logprobs,
            "finish_reason": finish_reason,
        }
        return _data({**self._shared, "choices": [choice]})


class Logprobs:
    """Log-probabilities of one choice in the legacy format, told part by part.

    Offsets are in characters from the beginning of the prompt. A token that is not a whole number
    of characters is spelled `bytes:\\xe2\\x82`.
    """

    def __init__(self, prompt: str) -> None:
        self._offset = len(prompt)

    def of(self, pieces: Iterable[Piece]) -> dict[str, Any]:
        """Those of the next pieces."""
        rows = [row for piece in pieces if piece.kind in _SAID for row in self._rows(piece)]
        names = ("text_offset", "tokens", "token_logprobs", "top_logprobs")
        return {name: [row[column] for row in rows] for column, name in enumerate(names)}

    def _rows(self, piece: Piece) -> list[tuple[int, str, float, dict[str, float]]]:
        rows, end, offset = [], self._offset + len(piece.text), self._offset
        for token in piece.tokens:
            rows.append((offset, *_told(token)))
            offset = min(end, offset + len(token.text.decode(errors="ignore")))
        self._offset = end
        return rows


def _told(token: Token) -> tuple[str, float, dict[str, float]]:
    """A token as text, its log-probability, and those of the likeliest and of itself."""
    text, logprob = spelled(token.text), finite(token.logprob)
    top = {spelled(other): finite(likely) for other, likely in token.top}
    return text, logprob, {**top, text: logprob}


def _data(value: Any) -> str:
    return f"data: {to_json(value).decode()}\n\n"
