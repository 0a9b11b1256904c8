"""An answer being said: tokens are picked, forced or held to a grammar, counted and evaluated."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from slmtape.engines.llamacpp.context import Context
from slmtape.engines.llamacpp.grammars import Grammar
from slmtape.engines.llamacpp.sampling import Sampler
from slmtape.engines.llamacpp.space import BATCH
from slmtape.engines.llamacpp.text import Characters
from slmtape.engines.llamacpp.weights import Weights
from slmtape.generation import Piece, Token

_NOTHING = Piece()
_EXPECTED = 512
"""Tokens of room for an answer whose length the request doesn't limit; more is made when needed."""


class Said(NamedTuple):
    """The text that a token completes, and the token where log-probabilities are wanted."""

    text: str
    token: Token | None = None


class Speech:
    """What a model says after a prompt, at most `most` tokens of it.

    `top` is how many alternatives are told beside each token's log-probability, None: neither.
    `say` is called with an empty piece for each token: what it raises ends the speech.
    """

    def __init__(
        self,
        weights: Weights,
        context: Context,
        sampler: Sampler,
        *,
        most: int,
        top: int | None,
        say: Callable[[Piece], None],
    ) -> None:
        self._weights = weights
        self._context = context
        self._sampler = sampler
        self._most = most
        self._top = top
        self._say = say
        self._characters = Characters()
        self._evaluated = 0
        self._pending: list[int] = []
        self._scores: NDArray[np.float32] | None = None
        self.count = 0
        """Tokens said so far."""
        self.finished = False
        """Whether the model, or the grammar it was held to, came to an end."""

    @property
    def full(self) -> bool:
        """Whether no more tokens may be said."""
        return self.count >= self._most

    def read(self, prompt: Sequence[int]) -> None:
        """Forget what was evaluated, and evaluate a prompt in chunks: those that are not there."""
        self._pending.clear()
        self._context.read(prompt, expected(prompt, self._most), lambda: self._say(_NOTHING))
        self._evaluated = len(prompt)

    def free(self, *, marked: bool = True) -> Iterator[Said]:
        """Whatever the model says; not `marked`: nothing that opens or closes thoughts."""
        never = [] if marked else self._weights.marks_of_thoughts
        self.finished = False
        while not self.full:
            self._ready()
            if never:
                self._context.logits()[never] = -np.inf
            token = self._sampler.pick(self._context)
            if self._weights.ends(token):
                self.finished = True
                break
            yield self._take(token)
        yield Said(self._characters.end())

    def held(self, grammar: Grammar) -> Iterator[Said]:
        """What the model says within a grammar, to the grammar's end."""
        self.finished = False
        while not self.full:
            for token in grammar.forced():
                if self.full:
                    return
                self._sampler.saw(token)
                yield self._take(token)
            if grammar.complete:
                break
            if self.full:
                return
            token = self._pick(grammar)
            if self._weights.ends(token):
                break
            yield self._take(token)
        self.finished = grammar.complete or not self.full
        yield Said(self._characters.end())

    def force(self, text: str) -> None:
        """Have the model say this, whatever it would say."""
        for token in self._weights.tokens(text, opening=False)[: self._most - self.count]:
            self._sampler.saw(token)
            self._take(token)

    def goes_on_with(self, text: str) -> bool:
        """Whether this is what the model likes to say next; if so, it is said."""
        for token in self._weights.tokens(text, opening=False):
            if self.full:
                return False
            self._ready()
            if int(self._context.logits().argmax()) != token:
                return False
            self._sampler.saw(token)
            self._take(token)
        return True

    def _pick(self, grammar: Grammar) -> int:
        self._ready()
        if not self._sampler.remembers:
            # What the model likes best mostly fits, and looking at one token is cheap.
            token = self._sampler.pick(self._context)
            if grammar.takes(token):
                return token
        self._context.logits()[~grammar.allowed()] = -np.inf
        token = self._sampler.pick(self._context)
        grammar.takes(token)
        return token

    def _take(self, token: int) -> Said:
        self._say(_NOTHING)
        raw = self._weights.text(token)
        told = None
        if self._top is not None:
            self._ready()  # there is no batch to save where each token's numbers are wanted
            told = self._token(token, self._top)
        self.count += 1
        self._pending.append(token)
        return Said(self._characters.add(raw), told)

    def _token(self, token: int, top: int) -> Token:
        assert self._scores is not None
        scores = self._scores.astype(np.float64)
        scores -= scores.max()
        logprobs = scores - np.log(np.exp(scores).sum())
        likeliest = np.argpartition(-logprobs, top)[:top].tolist()
        likeliest.sort(key=lambda other: (-logprobs[other], other))
        name = self._weights.name
        alternatives = tuple((name(other), _rounded(logprobs[other])) for other in likeliest)
        return Token(name(token), _rounded(logprobs[token]), alternatives)

    def _ready(self) -> None:
        """Evaluate what was said, so that the next token can be picked."""
        if self._pending:
            needed = self._evaluated + len(self._pending)
            while not self._context.holds(needed):
                self._context.grow(lambda: self._say(_NOTHING))
            for start in range(0, len(self._pending), BATCH):
                self._context.evaluate(self._pending[start : start + BATCH])
            self._evaluated = needed
            self._pending.clear()
            self._scores = None
        if self._top is not None and self._scores is None:
            self._scores = self._context.logits().copy()


def expected(prompt: Sequence[int], most: int) -> int:
    """Tokens to make room for, where an answer has `most` at most."""
    return len(prompt) + min(most, _EXPECTED)


def _rounded(logprob: float) -> float:
    return round(float(logprob), 6)
