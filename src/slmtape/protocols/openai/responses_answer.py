"""A result as the response object: ids, output items, usage."""

import base64
import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import to_json

from slmtape.generation import FinishReason, GenerationResult, Piece, Token
from slmtape.protocols.openai.identity import moment
from slmtape.protocols.openai.logprobs import token_logprobs
from slmtape.protocols.openai.responses_state import Item
from slmtape.protocols.openai.tools import call_id

_PREFIXES = {"text": "msg", "refusal": "msg", "reasoning": "rs", "call": "fc"}
MESSAGES = ("text", "refusal")
"""The kinds of pieces that messages are made of."""

_CUT = {"length": "max_output_tokens", "content_filter": "content_filter"}
"""What an answer that was cut off is told to be cut off by."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Ids and time of a response, which derive from the key it is recorded under.

    `key` is that, and how many equal responses came before, so that each that is remembered is one
    of its own; `digest` is of it and of what the client set.
    """

    key: str
    digest: str

    @property
    def id(self) -> str:
        """The response's id."""
        return f"resp_{self.digest[:48]}"

    @property
    def created_at(self) -> int:
        """In seconds since the epoch."""
        return moment(self.key)

    def item(self, prefix: str, place: str) -> str:
        """The id of an item; `place` tells it from the others of this response."""
        return item_id(prefix, f"{self.digest}:{place}")


def identity(key: str, settings: Mapping[str, Any], earlier: Counter[str] | None) -> Identity:
    """Who a response is that was asked for with these settings.

    `earlier` counts, by digest, those of this server that are remembered; None: it is not to be.
    """
    first = Identity(key, _digest(key, settings))
    if earlier is None:
        return first
    ordinal = earlier[first.digest]
    earlier[first.digest] += 1
    again = f"{key}:{ordinal}"
    return Identity(again, _digest(again, settings)) if ordinal else first


def _digest(key: str, settings: Mapping[str, Any]) -> str:
    return hashlib.sha256(key.encode() + to_json(settings)).hexdigest()


def item_id(prefix: str, seed: str) -> str:
    """An id that is the same for the same seed."""
    return f"{prefix}_{hashlib.sha256(seed.encode()).hexdigest()[:48]}"


def response(
    who: Identity,
    settings: Mapping[str, Any],
    *,
    status: str,
    output: Iterable[Item] = (),
    result: GenerationResult | None = None,
    error: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The response object. `settings` is what comes back of the request; `result` its answer."""
    done = status == "completed"
    cut = result and _CUT.get(result.finish_reason)
    return {
        "id": who.id,
        "object": "response",
        "created_at": who.created_at,
        "status": status,
        "completed_at": who.created_at if done else None,
        "error": error,
        "incomplete_details": {"reason": cut} if cut else None,
        "output": list(output),
        "usage": result and _usage(result),
        **settings,
    }


def answered(
    who: Identity, settings: Mapping[str, Any], result: GenerationResult, *, encrypted: bool
) -> dict[str, Any]:
    """The response object of a complete answer. `encrypted`: see `Output`."""
    output = Output(who, encrypted=encrypted)
    for piece in result.pieces:
        output.add(piece)
    output.end(result.finish_reason)
    return response(
        who,
        settings,
        status=status(result.finish_reason),
        output=output.done(status(result.finish_reason)),
        result=result,
    )


def status(finish_reason: FinishReason) -> str:
    """The status of a response, or of its last item."""
    return "incomplete" if finish_reason in _CUT else "completed"


@dataclass(slots=True)
class OutputItem:
    """An output item while its pieces come. `kind` is that of the piece it began with."""

    kind: str
    index: int
    id: str
    name: str = ""
    call_id: str = ""
    encrypted: bool = False
    texts: list[str] = field(default_factory=list)
    tokens: list[Token] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Its text so far, or a call's arguments."""
        return "".join(self.texts)

    def add(self, piece: Piece) -> None:
        """One more of its pieces."""
        self.texts.append(piece.text)
        if piece.tokens:
            self.tokens.extend(piece.tokens)

    def part(self) -> dict[str, Any]:
        """A message's content part, as it is so far."""
        return self._part(self.text, [token_logprobs(token) for token in self.tokens])

    def opened_part(self) -> dict[str, Any]:
        """A message's content part before its first piece."""
        return self._part("", [])

    def opened(self) -> Item:
        """The item before its first piece of text."""
        match self.kind:
            case "text" | "refusal":
                return self._message([], "in_progress")
            case "reasoning":
                return {"id": self.id, "type": "reasoning", "summary": []}
            case _:
                return self._call("", "in_progress")

    def done(self, status: str) -> Item:
        """The whole item."""
        match self.kind:
            case "text" | "refusal":
                return self._message([self.part()], status)
            case "reasoning":
                return self._reasoning()
            case _:
                return self._call(self.text, status)

    def _part(self, text: str, logprobs: list[Item]) -> Item:
        if self.kind == "refusal":
            return {"type": "refusal", "refusal": text}
        return {"type": "output_text", "text": text, "annotations": [], "logprobs": logprobs}

    def _message(self, content: list[Item], status: str) -> Item:
        return {
            "id": self.id,
            "type": "message",
            "status": status,
            "role": "assistant",
            "content": content,
        }

    def _reasoning(self) -> Item:
        item: Item = {
            "id": self.id,
            "type": "reasoning",
            "summary": [],
            "content": [{"type": "reasoning_text", "text": self.text}],
        }
        if self.encrypted:
            # Opaque to clients, which only send it back.
            item["encrypted_content"] = base64.b64encode(self.text.encode()).decode()
        return item

    def _call(self, arguments: str, status: str) -> Item:
        return {
            "id": self.id,
            "type": "function_call",
            "status": status,
            "call_id": self.call_id,
            "name": self.name,
            "arguments": arguments,
        }


class Output:
    """The output items of a response, as an answer's pieces make them.

    `encrypted`: reasoning also comes as `encrypted_content`.
    """

    def __init__(self, who: Identity, *, encrypted: bool) -> None:
        self._who = who
        self._encrypted = encrypted
        self.items: list[OutputItem] = []

    def add(self, piece: Piece) -> bool:
        """Take a piece in; whether it begins a new item, the last of `items` then."""
        kind = "call" if piece.kind == "arguments" else piece.kind
        if self.items and self.items[-1].kind == kind and piece.kind != "call":
            self.items[-1].add(piece)
            return False
        self._begin(kind, piece.text if piece.kind == "call" else "")
        if piece.kind != "call":
            self.items[-1].add(piece)
        return True

    def end(self, finish_reason: FinishReason) -> bool:
        """Nothing more comes; whether that begins a message without text.

        Only where the model was cut off while it was thinking is there none.
        """
        kinds = {item.kind for item in self.items}
        if kinds & {*MESSAGES, "call"} or (kinds and finish_reason in _CUT):
            return False
        self._begin("text", "")
        return True

    def done(self, state: str) -> list[Item]:
        """The items, completed but for the last, which is in this state."""
        last = self.items[-1:]
        whole = (item.done("completed") for item in self.items[:-1])
        return [*whole, *(item.done(state) for item in last)]

    def _begin(self, kind: str, name: str) -> None:
        index = len(self.items)
        ordinal = sum(item.kind == "call" for item in self.items)
        self.items.append(
            OutputItem(
                kind=kind,
                index=index,
                id=self._who.item(_PREFIXES[kind], f"output:{index}"),
                name=name,
                call_id=call_id(self._who.key, ordinal) if kind == "call" else "",
                encrypted=self._encrypted,
            )
        )


def _usage(result: GenerationResult) -> dict[str, Any]:
    return {
        "input_tokens": result.prompt_tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": result.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": result.reasoning_tokens},
        "total_tokens": result.prompt_tokens + result.completion_tokens,
    }
