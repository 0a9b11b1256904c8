"""`Reply`: an answer as a test writes it."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from slmtape.conforming import mismatch
from slmtape.errors import StubError
from slmtape.generation import (
    EmbeddingRequest,
    EmbeddingResult,
    FinishReason,
    GenerationRequest,
    GenerationResult,
    Piece,
    Request,
    Result,
)
from slmtape.keys import json_text

Called = tuple[str, Mapping[str, Any] | str] | Mapping[str, Any]
"""A call as a test writes it."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Counts of tokens. Those of reasoning are counted in `completion_tokens` as well."""

    prompt_tokens: int
    completion_tokens: int = 0
    reasoning_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as a test writes it.

    Args:
        text: what is said.
        calls: the tools that are called: pairs of a name and arguments, which are an object, or
            JSON as text; or objects that have `name` and `arguments`.
        data: a JSON value, or a pydantic model, which is said as JSON in place of `text`.
        refusal: why nothing is answered.
        reasoning: what is thought before.
        usage: counts of tokens; if not given, words are counted.
        finish_reason: "stop" (if not given), "length" or "content_filter". Where tools are called,
            clients see their protocol's own word for that instead of "stop".
        vector: the answer to a text that is embedded.
        valid: False: the answer is wrong on purpose. Otherwise calls and JSON must match the
            schemas that the request has for them.

    Raises:
        StubError: it can't be said.
    """

    text: str = ""
    calls: Sequence[Called] = ()
    data: Any = None
    refusal: str = ""
    reasoning: str = ""
    usage: Usage | Mapping[str, int] | None = None
    finish_reason: FinishReason = "stop"
    vector: Sequence[float] | None = None
    valid: bool = True

    def __post_init__(self) -> None:
        for name in ("text", "refusal", "reasoning"):
            _check_text(name, getattr(self, name))
        if self.text and self.data is not None:
            raise StubError("A reply has `text` or `data`, not both.")
        if self.finish_reason not in get_args(FinishReason):
            reasons = ", ".join(get_args(FinishReason))
            raise StubError(f"finish_reason is one of {reasons}, not {self.finish_reason!r}.")
        settle = object.__setattr__
        settle(self, "calls", tuple(map(_called, self.calls)))
        settle(self, "usage", _usage(self.usage))
        self._text()

    def result(self, request: Request) -> Result:
        """It as the answer to this request. Raises StubError where it can't be one."""
        if isinstance(request, EmbeddingRequest):
            return self._embedding(request)
        if self.vector is not None:
            raise StubError("A vector is no answer to a request for text.")
        if self.valid:
            self._fit(request)
        pieces = tuple(self._pieces())
        usage = _usage(self.usage) or _counted(pieces, request)
        return GenerationResult(
            pieces=pieces,
            finish_reason=self.finish_reason,
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            reasoning_tokens=usage.reasoning_tokens,
        )

    def check(self, parameters: Mapping[str, Any]) -> None:
        """Raise StubError unless the calls match these tools: JSON schemas by name."""
        for name, arguments in map(_called, self.calls) if self.valid else ():
            if name not in parameters:
                offered = ", ".join(parameters) or "none"
                raise StubError(
                    f"The stub calls {name!r}, which is no tool here. Tools: {offered}."
                )
            if found := _mismatch(arguments, parameters[name] or {}):
                raise StubError(f"The stub's call of {name!r} doesn't match its schema: {found}")

    def _fit(self, request: GenerationRequest) -> None:
        self.check(
            {tool.name: json.loads(tool.parameters or "{}") for tool in request.callable_tools}
        )
        wanted = request.response_format
        if not wanted or self.calls or self.refusal or self.finish_reason != "stop":
            return
        schema = json.loads(wanted.schema) if wanted.schema else {"type": "object"}
        if found := _mismatch(self._text(), schema):
            raise StubError(f"The stub's answer doesn't match the request's format: {found}")

    def _embedding(self, request: EmbeddingRequest) -> EmbeddingResult:
        if self.vector is None:
            raise StubError("Only a `vector` is an answer to a text that is to be embedded.")
        usage = _usage(self.usage)
        tokens = usage.prompt_tokens if usage else len(request.user_text.split())
        return EmbeddingResult(vector=tuple(map(float, self.vector)), prompt_tokens=tokens)

    def _pieces(self) -> Iterator[Piece]:
        """Texts word by word, arguments in two parts, as models say them in several."""
        yield from (Piece(word, "reasoning") for word in _words(self.reasoning))
        yield from (Piece(word) for word in _words(self._text()))
        yield from (Piece(word, "refusal") for word in _words(self.refusal))
        for name, arguments in map(_called, self.calls):
            half = len(arguments) // 2
            parts = (arguments[:half], arguments[half:])
            yield Piece(name, "call")
            yield from (Piece(part, "arguments") for part in parts if part)

    def _text(self) -> str:
        if self.data is None:
            return self.text
        dumped = getattr(self.data, "model_dump", None)
        return _json("data", dumped(mode="json") if dumped else self.data)


def _check_text(name: str, given: object) -> None:
    if not isinstance(given, str):
        raise StubError(f"{name} is a text, not {given!r}.")
    try:
        given.encode()
    except UnicodeEncodeError as error:
        raise StubError(f"{name} can't be sent: {error}.") from error


def _called(given: Any) -> tuple[str, str]:
    """A call's name, and its arguments as text. Raises StubError."""
    if isinstance(given, Mapping):
        given = (given.get("name", ""), given.get("arguments", {}))
    try:
        name, arguments = given
    except (TypeError, ValueError):
        name, arguments = "", ""
    if isinstance(given, str) or not isinstance(name, str) or not name:
        raise StubError(f"calls are pairs of a name and arguments, not {given!r}.")
    text = arguments if isinstance(arguments, str) else _json("arguments", arguments)
    _check_text("arguments", text)
    return name, text


def _usage(given: Usage | Mapping[str, int] | None) -> Usage | None:
    try:
        return Usage(**given) if isinstance(given, Mapping) else given
    except TypeError as error:
        raise StubError(f"usage is counts of tokens, not {given!r}: {error}.") from error


def _json(name: str, value: Any) -> str:
    try:
        text = json_text(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise StubError(f"{name} can't be said as JSON: {error}.") from error
    _check_text(name, text)
    return text


def _mismatch(text: str, schema: Any) -> str | None:
    try:
        value = json.loads(text)
    except ValueError as error:
        return f"it is not JSON: {error}"
    return mismatch(value, schema)


def _words(text: str) -> list[str]:
    return re.findall(r"\s*\S+(?:\s+$)?|^\s+$", text)


def _counted(pieces: Sequence[Piece], request: GenerationRequest) -> Usage:
    asked = [message.content for message in request.messages] or [str(request.prompt)]
    thought = sum(piece.kind == "reasoning" for piece in pieces)
    return Usage(sum(len(text.split()) for text in asked), len(pieces), thought)
