"""Which functions fit what a user wants, asked of a model that was never taught to call any.

A small model doesn't follow a call syntax. What it does know is how likely a text is: a function
fits where being told that this is all one can do makes the user's text likelier than it is after
no such hint (pointwise mutual information, in nats per token).
"""

from collections.abc import Callable, Sequence

import numpy as np

from slmtape.engines.llamacpp.context import Context
from slmtape.engines.llamacpp.weights import Weights
from slmtape.generation import Message, Piece, Tool

_ENOUGH = 0.25
_ALIKE = 0.75
"""A second function is called as well where it fits this much as well as the best one."""

_LONGEST = 64
"""Tokens at the end of the user's text that are looked at."""


def fitting(
    tools: Sequence[Tool],
    messages: Sequence[Message],
    weights: Weights,
    context: Context,
    *,
    required: bool,
    several: bool,
    say: Callable[[Piece], None],
) -> list[Tool]:
    """The tools to call for the last message, best first; some in any case where `required`."""
    if required and len(tools) == 1:
        return list(tools)
    asked = [message.content for message in messages if message.role == "user"]
    if not required and (not messages or messages[-1].role != "user"):
        return []  # what a function returned is to be told in words
    text = weights.tokens(asked[-1] if asked else "", opening=False)[-_LONGEST:]
    if not text:
        return list(tools[:1]) if required else []
    ask = _Asking(weights, context, text, say)
    usual = ask.likelihood("Answer the user.")
    gains = {tool: ask.likelihood(_hint(tool)) - usual for tool in tools}
    ranked = sorted(tools, key=lambda tool: -gains[tool])
    least = max(_ENOUGH, _ALIKE * gains[ranked[0]])
    chosen = [tool for tool in ranked if gains[tool] >= least]
    if required and not chosen:
        chosen = ranked[:1]
    return chosen if several else chosen[:1]


class _Asking:
    """How likely a text is as a user's, after different system messages."""

    def __init__(
        self, weights: Weights, context: Context, text: list[int], say: Callable[[Piece], None]
    ) -> None:
        self._weights = weights
        self._context = context
        self._text = text
        self._say = say

    def likelihood(self, system: str) -> float:
        """The mean log-probability of a token of the text."""
        before = self._weights.tokens(self._weights.template.before_user(system))
        room = len(before) + len(self._text)
        self._context.read(before, room, lambda: self._say(Piece()))
        total = _logprob(self._context.logits(), self._text[0])
        following = zip(self._context.logits_of_each(self._text), self._text[1:], strict=False)
        total += sum(_logprob(logits, token) for logits, token in following)
        return total / len(self._text)


def _logprob(logits: np.typing.NDArray[np.float32], token: int) -> float:
    scores = logits.astype(np.float64)
    return float(scores[token] - np.logaddexp.reduce(scores))


def _hint(tool: Tool) -> str:
    return f"You can only do one thing: {tool.name.replace('_', ' ')}. {tool.description or ''}"
