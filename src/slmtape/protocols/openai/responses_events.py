"""A response as server-sent events, in the order in which OpenAI sends them."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import to_json

from slmtape.errors import SlmtapeError
from slmtape.generation import GenerationResult, Piece
from slmtape.protocols.openai.logprobs import token_logprobs
from slmtape.protocols.openai.responses_answer import (
    MESSAGES,
    Identity,
    Output,
    OutputItem,
    response,
    status,
)
from slmtape.protocols.openai.responses_errors import failure


class ResponseEvents:
    """One response as server-sent events, numbered from 0."""

    def __init__(
        self, who: Identity, settings: Mapping[str, Any], *, queued: bool, encrypted: bool
    ) -> None:
        """`queued`: it was to be made in the background. `encrypted`: see `Output`."""
        self._who = who
        self._settings = settings
        self._queued = queued
        self._output = Output(who, encrypted=encrypted)
        self._number = 0
        self._delta_head = self._delta_place = ""

    def open(self) -> str:
        """The response is created, queued where it waits in the background, and in progress."""
        first = [("created", "queued"), ("queued", "queued")]
        begun = first if self._queued else [("created", "in_progress")]
        return "".join(
            self._response(name, state) for name, state in [*begun, ("in_progress", "in_progress")]
        )

    def piece(self, index: int, piece: Piece) -> str:  # noqa: ARG002 (there is one choice)
        """The events of a piece: of the items that it ends and begins, and of its text."""
        ended = self._output.items[-1] if self._output.items else None
        begins = self._output.add(piece)
        item = self._output.items[-1]
        turned = self._ended(ended, "completed") + self._begun(item) if begins else ""
        return turned if piece.kind == "call" else turned + self._delta(item, piece)

    def close(self, results: Sequence[GenerationResult]) -> str:
        """The end of the last item, and of the response, which is told whole."""
        result = results[0]
        finish_reason, state = result.finish_reason, status(result.finish_reason)
        before = self._output.items[-1] if self._output.items else None
        turned = ""
        if self._output.end(finish_reason):
            turned = self._ended(before, "completed") + self._begun(self._output.items[-1])
        ended = self._ended(self._output.items[-1], state)
        output = self._output.done(state)
        return turned + ended + self._response(state, state, output=output, result=result)

    def error(self, error: SlmtapeError) -> str:
        """The response failed in the middle: its last item ends there."""
        last = self._output.items[-1] if self._output.items else None
        ended = self._ended(last, "incomplete")
        return ended + self._event("response.failed", {"response": self.failed(error)})

    def failed(self, error: SlmtapeError) -> dict[str, Any]:
        """The response that failed, with what it said so far."""
        output = self._output.done("incomplete")
        told = failure(error)
        return response(self._who, self._settings, status="failed", output=output, error=told)

    def _response(self, name: str, state: str, **more: Any) -> str:
        whole = response(self._who, self._settings, status=state, **more)
        return self._event(f"response.{name}", {"response": whole})

    def _begun(self, item: OutputItem) -> str:
        # Nearly every event is a delta, so all of it but its number and text is made once.
        name = f"response.{_TEXTS[item.kind]}.delta"
        self._delta_head = f'event: {name}\ndata: {{"type":"{name}","sequence_number":'
        self._delta_place = f',{_json(_place(item))[1:-1]},"delta":'
        added = {"output_index": item.index, "item": item.opened()}
        text = self._event("response.output_item.added", added)
        if item.kind in MESSAGES:
            part = {"part": item.opened_part()}
            text += self._event("response.content_part.added", {**_place(item), **part})
        return text

    def _delta(self, item: OutputItem, piece: Piece) -> str:
        number, tail = self._number, ""
        self._number += 1
        if item.kind == "text":
            told = [token_logprobs(token) for token in piece.tokens]
            tail = f',"logprobs":{_json(told) if told else "[]"}'
        text = _json(piece.text)
        return f"{self._delta_head}{number}{self._delta_place}{text}{tail}}}\n\n"

    def _ended(self, item: OutputItem | None, state: str) -> str:
        if item is None:
            return ""
        place, kind = _place(item), item.kind
        if kind == "text":
            part = item.part()
            text = {"text": part["text"], "logprobs": part["logprobs"]}
            said = self._event("response.output_text.done", {**place, **text})
            said += self._event("response.content_part.done", {**place, "part": part})
        elif kind == "refusal":
            said = self._event("response.refusal.done", {**place, "refusal": item.text})
            said += self._event("response.content_part.done", {**place, "part": item.part()})
        elif kind == "reasoning":
            said = self._event("response.reasoning_text.done", {**place, "text": item.text})
        else:
            call = {"name": item.name, "arguments": item.text}
            said = self._event("response.function_call_arguments.done", {**place, **call})
        done = {"output_index": item.index, "item": item.done(state)}
        return said + self._event("response.output_item.done", done)

    def _event(self, name: str, data: Mapping[str, Any]) -> str:
        number = self._number
        self._number += 1
        told = {"type": name, "sequence_number": number, **data}
        return f"event: {name}\ndata: {_json(told)}\n\n"


_TEXTS = {
    "text": "output_text",
    "refusal": "refusal",
    "reasoning": "reasoning_text",
    "call": "function_call_arguments",
}


def _place(item: OutputItem) -> dict[str, Any]:
    """Where in the response something happens."""
    place = {"item_id": item.id, "output_index": item.index}
    return place if item.kind == "call" else {**place, "content_index": 0}


def _json(value: Any) -> str:
    return to_json(value).decode()
