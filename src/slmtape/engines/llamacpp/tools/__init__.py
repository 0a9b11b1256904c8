"""How models are told of functions, and write their calls of them. A file here is one format."""

from slmtape.engines.llamacpp.tools import hermes, llama, smollm3, words
from slmtape.engines.llamacpp.tools.beginning import Beginning
from slmtape.engines.llamacpp.tools.format import Format, Syntax, called, told
from slmtape.engines.llamacpp.tools.hermes import HERMES
from slmtape.engines.llamacpp.tools.llama import LLAMA
from slmtape.engines.llamacpp.tools.words import asking_besides, asking_for_arguments, in_words

__all__ = [
    "FORMATS",
    "HERMES",
    "LLAMA",
    "Beginning",
    "Format",
    "Syntax",
    "asking_besides",
    "asking_for_arguments",
    "called",
    "format_of",
    "in_words",
    "syntax",
    "told",
]

FORMATS: tuple[Format, ...] = (
    smollm3.FORMAT,
    smollm3.UNTAUGHT,
    llama.FORMAT,
    hermes.FORMAT,
    words.FORMAT,
)
"""A model's is the first one that its chat template teaches; the last one needs no teaching."""


def format_of(template: str) -> Format:
    """The format for models with this chat template."""
    return next(one for one in FORMATS if one.taught(template))


def syntax(template: str) -> Syntax | None:
    """How models with this chat template write calls; None: none that is known here."""
    return format_of(template).syntax
