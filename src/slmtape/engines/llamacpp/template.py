"""A conversation as the text a model was trained on: its own chat template, rendered."""

import hashlib
import json
from collections.abc import Sequence
from datetime import date
from functools import cached_property
from typing import Any, NoReturn

import jinja2

from slmtape.engines.llamacpp.roles import Roles, in_roles
from slmtape.engines.llamacpp.sandbox import Sandbox, TooMuch
from slmtape.engines.llamacpp.thinking import CLOSES
from slmtape.engines.llamacpp.tools import Format, Syntax, called, format_of
from slmtape.errors import EngineError, RequestError
from slmtape.generation import Message, Tool

CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
"""For models that bring no template of their own, as llama.cpp does."""

_TODAY = date(2025, 1, 1)
"""Some templates print the date; an answer must not depend on it."""

_SYSTEM = Message("system", "Speak like a pirate.")
_QUESTION, _ANOTHER = Message("user", "Where is the sea?"), Message("user", "And the moon?")
_ANSWER = Message("assistant", "Below the moon.")

_REFUSALS = (
    *(jinja2.TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError),
    RecursionError,
)
"""What rendering raises where messages, or variables that a client gave, don't fit a template."""


class ChatTemplate:
    """A model's chat template (Jinja, as Hugging Face writes them)."""

    def __init__(self, source: str | None, *, bos: str, eos: str) -> None:
        self._source = source or CHATML
        self.format: Format = format_of(self._source)
        environment = Sandbox()
        environment.filters["tojson"] = _tojson
        environment.globals |= {
            "raise_exception": _refuse,
            "strftime_now": _TODAY.strftime,
            "bos_token": bos,
            "eos_token": eos,
        }
        self._environment = environment
        try:
            self._template = environment.from_string(self._source)
        except (jinja2.TemplateError, RecursionError, SyntaxError) as error:
            raise EngineError(f"The model's chat template can't be read: {error}.") from error

    @property
    def digest(self) -> str:
        """The first 16 hex digits of the template's SHA-256."""
        return hashlib.sha256(self._source.encode()).hexdigest()[:16]

    @property
    def thinks(self) -> bool:
        """Whether the model thinks before it answers."""
        return CLOSES in self._source

    @property
    def calls(self) -> Syntax | None:
        """How the model was taught to write calls; None: it was not."""
        return self.format.syntax

    def render(
        self, messages: Sequence[Message], tools: Sequence[Tool] = (), /, **options: Any
    ) -> str:
        """The prompt, up to where the assistant speaks.

        Raises RequestError where the template refuses the messages, EngineError where it runs away.

        Calls and their results are told as `format.tell` has them. `options` are variables that
        some templates look at, such as `enable_thinking`; ours are not to be replaced by them.
        """
        variables = options | (self.format.variables(tools) if tools else {})
        return self._rendered(in_roles(messages, self._roles), variables)

    def before_user(self, system: str) -> str:
        """The prompt after a system message, up to where the user speaks."""
        mark = "\N{OBJECT REPLACEMENT CHARACTER}"
        text = self.render([Message("system", system), Message("user", mark)])
        return text.partition(mark)[0]

    @cached_property
    def _roles(self) -> Roles:
        """What the template takes, by asking it."""
        return Roles(
            system=self._tells(_SYSTEM, _QUESTION),
            later_system=self._tells(_QUESTION, _ANSWER, _SYSTEM, _ANOTHER),
            any_order=self._tells(_QUESTION, _ANOTHER) and self._tells(_ANSWER, _QUESTION),
        )

    def _tells(self, *messages: Message) -> bool:
        """Whether these messages are taken, and nothing of them is lost."""
        try:
            text = self._rendered(messages, {})
        except RequestError:
            return False
        return all(message.content in text for message in messages)

    def _rendered(self, messages: Sequence[Message], variables: dict[str, Any]) -> str:
        known = {"messages": [_plain(one) for one in messages], "add_generation_prompt": True}
        try:
            every = {"enable_thinking": False} | variables | known
            return self._environment.rendered(self._template, every)
        except TooMuch as error:
            raise EngineError(
                f"The model's chat template runs away: {error}. Take another model."
            ) from error
        except _REFUSALS as error:
            raise RequestError(
                f"The model's chat template refuses these messages: {error}", param="messages"
            ) from error


def without_oldest(messages: Sequence[Message]) -> tuple[Message, ...]:
    """The messages without the oldest that is no instruction, and what belongs to it."""
    told = [i for i, message in enumerate(messages) if message.role != "system"]
    first = told[0] if len(told) > 1 else 0
    end = first + 1
    while end < len(messages) - 1 and messages[end].role == "tool":
        end += 1
    return (*messages[:first], *messages[end:])


def _plain(message: Message) -> dict[str, Any]:
    plain: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.name is not None:
        plain["name"] = message.name
    if message.tool_calls:
        plain["tool_calls"] = [called(call) for call in message.tool_calls]
    if message.tool_call_id is not None:
        plain["tool_call_id"] = message.tool_call_id
    return plain


def _refuse(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)


def _tojson(value: Any, indent: int | None = None, **_: Any) -> str:
    # Jinja's own filter escapes for HTML, which no model was trained on.
    return json.dumps(value, ensure_ascii=False, indent=indent)
