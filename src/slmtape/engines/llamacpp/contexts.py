"""The contexts of a model, lent to one request each."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from slmtape.engines.llamacpp.context import Context, chunks, room
from slmtape.engines.llamacpp.prefixes import Prefixes
from slmtape.engines.llamacpp.space import available
from slmtape.engines.llamacpp.turns import turns
from slmtape.engines.llamacpp.weights import Weights

MOST = 2**30
"""Bytes of all contexts of a model, unless one alone needs more."""

_PATIENCE = 0.05
"""Seconds between looks at whether a context that is waited for is still wanted."""


class Contexts:
    """Contexts of one model: as many as requests need at once, and there is room for."""

    def __init__(self, weights: Weights, prefixes: Prefixes, most: int = MOST) -> None:
        """`prefixes`: where they keep the beginnings of prompts; `most`: bytes."""
        self._weights = weights
        self._prefixes = prefixes
        self._most = most
        self._free: list[Context] = []  # the one used last first
        self._lent: dict[Context, int] = {}  # and the bytes that each was asked for
        self._queue: list[object] = []
        self._changed = threading.Condition()

    @contextmanager
    def lent(
        self, prompt: Sequence[int], tokens: int, waiting: Callable[[], object]
    ) -> Iterator[Context]:
        """A context for a prompt, with room for so many tokens; another's turn may come first.

        Whoever waits calls `waiting` again and again; what it raises is raised here.
        """
        context = self._take(prompt, tokens, waiting)
        try:
            with turns().share(waiting) as context.share:
                yield context
        finally:
            context.share = None
            with self._changed:
                del self._lent[context]
                self._free.insert(0, context)
                self._changed.notify_all()

    def close(self) -> None:
        """Free all, and keep nothing of what they evaluated; none may be lent."""
        with self._changed:
            for context in self._free:
                context.close(keep=False)
            self._free.clear()

    def _take(self, prompt: Sequence[int], tokens: int, waiting: Callable[[], object]) -> Context:
        ticket = object()
        with self._changed:
            self._queue.append(ticket)
            try:
                while not (self._queue[0] is ticket and self._has_room(tokens)):
                    self._changed.wait(_PATIENCE)
                    waiting()
                return self._chosen(prompt, tokens)
            finally:
                self._queue.remove(ticket)
                self._changed.notify_all()

    def _has_room(self, tokens: int) -> bool:
        if not self._lent:
            return True
        size = self._size(tokens)
        lent = sum(self._lent.values())
        coming = sum(max(0, asked - self._has(context)) for context, asked in self._lent.items())
        return lent + size <= self._most and size + coming <= available()

    def _chosen(self, prompt: Sequence[int], tokens: int) -> Context:
        """The one that has evaluated most of the prompt already; or else the oldest, or a new one.

        What the oldest has evaluated is kept elsewhere, and a new one takes longer to make.
        """
        wanted = chunks(prompt)
        chosen = max(
            reversed(self._free),
            key=lambda context: (context.shared(wanted), context.holds(tokens)),
            default=None,
        )
        if chosen:
            self._free.remove(chosen)
        else:
            chosen = Context(self._weights, self._prefixes)
        self._lent[chosen] = self._size(tokens)
        try:
            while self._free and self._bytes() > self._most:
                self._free.pop().close(keep=True)
        except BaseException:
            del self._lent[chosen]
            chosen.close(keep=True)
            raise
        return chosen

    def _bytes(self) -> int:
        lent = sum(max(asked, self._has(context)) for context, asked in self._lent.items())
        return lent + sum(map(self._has, self._free))

    def _has(self, context: Context) -> int:
        return self._size(context.capacity) if context.capacity else 0

    def _size(self, tokens: int) -> int:
        return self._weights.need.context(room(tokens))
