"""`Reply`: an answer as a test writes it."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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
            JSON as text.
        data: a JSON value, or a pydantic model, which is said as JSON in place of `text`.
        refusal: why nothing is answered.
        reasoning: what is thought before.
        usage: counts of tokens; if not given, words are counted.
        finish_reason: "stop" (if not given), "length" or "content_filter". Where tools are called,
            clients see their protocol's own word for that instead of "stop".
        vector: the answer to a text that is embedded.
        valid: False: the answer is wrong on purpose. Otherwise calls and JSON must match the
            schemas that the request has for them.
    """

    text: str = ""
    calls: Sequence[tuple[str, Mapping[str, Any] | str]] = ()
    data: Any = None
    refusal: str = ""
    reasoning: str = ""
    usage: Usage | None = None
    finish_reason: FinishReason = "stop"
    vector: Sequence[float] | None = None
    valid: bool = True

    def result(self, request: Request) -> Result:
        """It as the answer to this request. Raises StubError where it can't be one."""
        if isinstance(request, EmbeddingRequest):
            return self._embedding(request)
        if self.vector is not None:
            raise StubError("A vector is no answer to a request for text.")
        if self.valid:
            self._fit(request)
        pieces = tuple(self._pieces())
        usage = self.usage or _counted(pieces, request)
        return GenerationResult(
            pieces=pieces,
            finish_reason=self.finish_reason,
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            reasoning_tokens=usage.reasoning_tokens,
        )

    def check(self, parameters: Mapping[str, Any]) -> None:
        """Raise StubError unless the calls match these tools: JSON schemas by name."""
        for name, arguments in self.calls if self.valid else ():
            if name not in parameters:
                offered = ", ".join(parameters) or "none"
                raise StubError(
                    f"The stub calls {name!r}, which is no tool here. Tools: {offered}."
                )
            if found := _mismatch(_arguments(arguments), parameters[name] or {}):
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
        tokens = self.usage.prompt_tokens if self.usage else len(request.user_text.split())
        return EmbeddingResult(vector=tuple(map(float, self.vector)), prompt_tokens=tokens)

    def _pieces(self) -> Iterator[Piece]:
        """Texts word by word, arguments in two parts, as models say them in several."""
        yield from (Piece(word, "reasoning") for word in _words(self.reasoning))
        yield from (Piece(word) for word in _words(self._text()))
        yield from (Piece(word, "refusal") for word in _words(self.refusal))
        for name, arguments in self.calls:
            text = _arguments(arguments)
            half = len(text) // 2
            yield Piece(name, "call")
            yield from (Piece(part, "arguments") for part in (text[:half], text[half:]) if part)

    def _text(self) -> str:
        if self.data is None:
            return self.text
        dumped = getattr(self.data, "model_dump", None)
        return json_text(dumped(mode="json") if dumped else self.data)


def _arguments(given: Mapping[str, Any] | str) -> str:
    return given if isinstance(given, str) else json_text(dict(given))


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
