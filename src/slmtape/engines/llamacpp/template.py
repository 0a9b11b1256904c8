"""A conversation as the text a model was trained on: its own chat template, rendered."""

import hashlib
import json
from datetime import date
from typing import Any, NoReturn

import jinja2
import jinja2.ext
import jinja2.sandbox

from slmtape.errors import RequestError
from slmtape.generation import Message

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

    def render(self, messages: tuple[Message, ...]) -> str:
        """The prompt, up to where the assistant speaks. Raises RequestError where it can't be."""
        try:
            return self._template.render(
                messages=[_plain(message) for message in messages], add_generation_prompt=True
            )
        except jinja2.TemplateError as error:
            raise RequestError(
                f"The model's chat template refuses these messages: {error}", param="messages"
            ) from error


def _plain(message: Message) -> dict[str, str]:
    # `developer` is what OpenAI's newer models call `system`; no open template knows it.
    role = "system" if message.role == "developer" else message.role
    name = {} if message.name is None else {"name": message.name}
    return {"role": role, "content": message.content, **name}


def _refuse(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)


def _tojson(value: Any, indent: int | None = None, **_: Any) -> str:
    # Jinja's own filter escapes for HTML, which no model was trained on.
    return json.dumps(value, ensure_ascii=False, indent=indent)
