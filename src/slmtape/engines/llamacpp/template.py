"""A conversation as the text a model was trained on: its own chat template, rendered."""

import hashlib
import json
from collections.abc import Sequence
from datetime import date
from typing import Any, NoReturn

import jinja2
import jinja2.ext
import jinja2.sandbox

from slmtape.engines.llamacpp.tools import Syntax, called, syntax, told
from slmtape.errors import RequestError
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


class ChatTemplate:
    """A model's chat template (Jinja, as Hugging Face writes them)."""

    def __init__(self, source: str | None, *, bos: str, eos: str) -> None:
        self._source = source or CHATML
        self.calls: Syntax | None = syntax(self._source)
        environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=[jinja2.ext.loopcontrols]
        )
        environment.filters["tojson"] = _tojson
        environment.globals |= {
            "raise_exception": _refuse,
            "strftime_now": _TODAY.strftime,
            "bos_token": bos,
            "eos_token": eos,
        }
        self._template = environment.from_string(self._source)

    @property
    def digest(self) -> str:
        """The first 16 hex digits of the template's SHA-256."""
        return hashlib.sha256(self._source.encode()).hexdigest()[:16]

    @property
    def thinks(self) -> bool:
        """Whether the model thinks before it answers."""
        return "</think>" in self._source

    def render(
        self, messages: Sequence[Message], tools: Sequence[Tool] = (), **options: Any
    ) -> str:
        """The prompt, up to where the assistant speaks. Raises RequestError where it can't be.

        `options` are variables that some templates look at, such as `enable_thinking`.
        """
        known = {"tools": told(tools)} if tools else {}
        return self._rendered([_plain(message) for message in messages], **known, **options)

    def before_user(self, system: str) -> str:
        """The prompt after a system message, up to where the user speaks."""
        mark = "\N{OBJECT REPLACEMENT CHARACTER}"
        try:
            text = self._rendered([_message("system", system), _message("user", mark)])
        except RequestError:  # some models have no system messages
            text = self._rendered([_message("user", f"{system}\n\n{mark}")])
        return text.partition(mark)[0]

    def _rendered(self, messages: list[dict[str, Any]], **options: Any) -> str:
        try:
            return self._template.render(**options, messages=messages, add_generation_prompt=True)
        except (jinja2.TemplateError, TypeError, ValueError) as error:
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
    plain = _message(message.role, message.content)
    if message.name is not None:
        plain["name"] = message.name
    if message.tool_calls:
        plain["tool_calls"] = [called(call) for call in message.tool_calls]
    if message.tool_call_id is not None:
        plain["tool_call_id"] = message.tool_call_id
    return plain


def _message(role: str, content: str) -> dict[str, Any]:
    return {"role": role, "content": content}


def _refuse(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)


def _tojson(value: Any, indent: int | None = None, **_: Any) -> str:
    # Jinja's own filter escapes for HTML, which no model was trained on.
    return json.dumps(value, ensure_ascii=False, indent=indent)
