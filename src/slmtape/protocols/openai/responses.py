"""`POST /v1/responses` and `POST /v1/responses/input_tokens`: a body in, a call out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic_core import to_json

from slmtape.errors import SlmtapeError
from slmtape.generation import GenerationRequest, GenerationResult
from slmtape.protocols import Incoming
from slmtape.protocols.openai.memory import Memory
from slmtape.protocols.openai.responses_answer import Identity, answered, identity, response
from slmtape.protocols.openai.responses_body import (
    COUNTED,
    FIELDS,
    Body,
    CountBody,
    check,
    read_body,
)
from slmtape.protocols.openai.responses_echo import settings
from slmtape.protocols.openai.responses_errors import failure
from slmtape.protocols.openai.responses_events import ResponseEvents
from slmtape.protocols.openai.responses_items import identified
from slmtape.protocols.openai.responses_prompt import Prompt, prompt
from slmtape.protocols.openai.responses_state import Item, StoredResponse


@dataclass(slots=True)
class ResponseCall:
    """A response as it was asked for. `settings` is what comes back of the request."""

    asked: Prompt
    settings: Mapping[str, Any]
    stream: bool
    background: bool
    encrypted: bool
    memory: Memory
    n: int = 1
    _who: Identity | None = field(default=None, init=False)
    _events: ResponseEvents | None = field(default=None, init=False)
    _kept: dict[str, Any] | None = field(default=None, init=False)

    @property
    def model(self) -> str:
        """The name that was asked for."""
        return str(self.settings["model"])

    @property
    def request(self) -> GenerationRequest:
        """What is asked."""
        return self.asked.request

    @property
    def requests(self) -> Sequence[GenerationRequest]:
        """What is asked."""
        return [self.request]

    def begin(self, keys: Sequence[str], cancel: Callable[[], object]) -> bytes:
        """The response, queued. From now on it can be asked for, and cancelled."""
        who = self._identity(keys)
        begun = response(who, self.settings, status="in_progress")
        self.memory.responses[who.id] = StoredResponse(begun, self._items(who), cancel)
        return to_json(begun | {"status": "queued"})

    def render(self, keys: Sequence[str], results: Sequence[GenerationResult]) -> bytes:
        """The whole response."""
        return to_json(self._kept or self._answered(keys, results))

    def rendering(self, keys: Sequence[str]) -> ResponseEvents:
        """The response as events."""
        self._events = ResponseEvents(
            self._identity(keys), self.settings, queued=self.background, encrypted=self.encrypted
        )
        return self._events

    def keep(self, keys: Sequence[str], outcome: Sequence[GenerationResult] | SlmtapeError) -> None:
        """Store the response, and add it to its conversation, unless that is done or given up."""
        who = self._identity(keys)
        if self._kept or (self.background and not self._waited_for(who)):
            return
        self._kept = self._outcome(keys, outcome)
        stored = StoredResponse(self._kept, self._items(who))
        if self.settings["store"]:
            self.memory.responses[who.id] = stored
        conversation = self.memory.conversations.get(self.asked.conversation or "")
        if conversation is not None and self._kept["error"] is None:
            conversation.add(stored.context[len(self.asked.history) :])

    def _outcome(
        self, keys: Sequence[str], outcome: Sequence[GenerationResult] | SlmtapeError
    ) -> dict[str, Any]:
        if not isinstance(outcome, SlmtapeError):
            return self._answered(keys, outcome)
        if self._events is not None:
            return self._events.failed(outcome)
        error = failure(outcome)
        return response(self._identity(keys), self.settings, status="failed", error=error)

    def _waited_for(self, who: Identity) -> bool:
        stored = self.memory.responses.get(who.id)
        return stored is not None and stored.body["status"] == "in_progress"

    def _answered(self, keys: Sequence[str], results: Sequence[GenerationResult]) -> dict[str, Any]:
        who = self._identity(keys)
        return answered(who, self.settings, results[0], encrypted=self.encrypted)

    def _identity(self, keys: Sequence[str]) -> Identity:
        """Who this response is, from the first time that it is asked."""
        if self._who is None:
            remembered = self.settings["store"] or self.asked.conversation is not None
            earlier = self.memory.equals if remembered else None
            self._who = identity(keys[0], self.settings, earlier)
        return self._who

    def _items(self, who: Identity) -> tuple[Item, ...]:
        return (*self.asked.history, *identified(self.asked.new, f"{who.digest}:input"))


@dataclass(frozen=True, slots=True)
class CountCall:
    """A question for the length of a prompt. `model` is the name the client used."""

    model: str
    request: GenerationRequest
    n = 1
    stream = False
    background = False

    @property
    def requests(self) -> Sequence[GenerationRequest]:
        """What is asked."""
        return [self.request]

    def render(self, keys: Sequence[str], results: Sequence[GenerationResult]) -> bytes:  # noqa: ARG002
        """The count, in tokens of the model."""
        count = results[0].prompt_tokens
        return to_json({"object": "response.input_tokens", "input_tokens": count})

    def rendering(self, keys: Sequence[str]) -> ResponseEvents:
        """Never called: a count is not streamed."""
        raise NotImplementedError

    def begin(self, keys: Sequence[str], cancel: Callable[[], object]) -> bytes:
        """Never called: a prompt is counted at once."""
        raise NotImplementedError

    def keep(self, keys: Sequence[str], outcome: Sequence[GenerationResult] | SlmtapeError) -> None:
        """Nothing is remembered."""


def parse(incoming: Incoming) -> ResponseCall:
    """The call in a body. Raises RequestError."""
    lenient = incoming.served.lenient
    body, extras = read_body(Body, FIELDS, incoming.body, incoming.content_type, lenient=lenient)
    check(body)
    asked = prompt(body, incoming)
    request = replace(
        asked.request,
        temperature=body.temperature or 0.0,
        top_p=body.top_p,
        max_tokens=body.max_output_tokens,
        top_logprobs=body.logprobs,
        truncate=body.truncation == "auto",
        extras=extras,
    )
    return ResponseCall(
        asked=replace(asked, request=request),
        settings=settings(body, asked.format, asked.conversation),
        stream=body.stream,
        background=body.background,
        encrypted="reasoning.encrypted_content" in body.include,
        memory=incoming.memory,
    )


def parse_count(incoming: Incoming) -> CountCall:
    """The call in a body of `/v1/responses/input_tokens`. Raises RequestError."""
    lenient = incoming.served.lenient
    body, extras = read_body(
        CountBody, COUNTED, incoming.body, incoming.content_type, lenient=lenient
    )
    asked = replace(prompt(body, incoming).request, max_tokens=0, extras=extras)
    return CountCall(body.model, asked)
