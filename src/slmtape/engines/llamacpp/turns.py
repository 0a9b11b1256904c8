"""Steps of different requests share the cores, and take turns where there are more than cores.

A request that is alone computes with all cores; several divide them, which is faster than one after
the other. Of more requests than cores, the one that has had the least comes first, so a long answer
doesn't hold up a short one.

A step is done in the thread that asks for it, and each request should have one that ends with it.
libgomp gives every thread that computes with others a team of its own, as long as it lives, and
once all teams have more threads than there are cores it lets them sleep instead of spin while they
wait for each other. That halves the speed.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

from slmtape.engines.llamacpp.cores import Neighbours, Pace, computed, cores

Step = Callable[[int], None]
"""Computes with as many threads as it is told."""

_PATIENCE = 0.05
"""Seconds between looks at whether a step that has not begun is still wanted."""


class Share:
    """A request's part in the computing."""

    def __init__(self, turns: "Turns", waiting: Callable[[], object]) -> None:
        self._turns = turns
        self.waiting = waiting
        self.had = 0.0
        """Seconds of the whole machine."""
        self.threads = 0
        """Threads of the step that it may do now; 0: it has to wait."""
        self.asking = 0
        """The native id of the thread that has asked for the step."""
        self.turn = threading.Event()

    def run(self, step: Step) -> None:
        """Do a step when it is this request's turn. Raises what the step raises.

        Until then `waiting` is called again and again; what it raises takes the step back.
        """
        self._turns.run(self, step)


class Turns:
    """Whose turn it is, among the requests of this process."""

    def __init__(self, neighbours: Neighbours, count: int, pace: Pace | None = None) -> None:
        """`count`: the cores there are; `pace`: how many threads work together."""
        self.neighbours = neighbours
        self._count = count
        self._pace = pace or Pace()
        self._lock = threading.Lock()
        self._shares: list[Share] = []
        self._each = 0.0
        """What a request has had by now that was there all along, had all been equal. Who comes
        begins with that, or those who come for a step each would never let another one pass."""
        self._waiting: list[Share] = []
        self._running: list[Share] = []
        self._in_use = 0  # threads
        self._since = self._before = 0.0  # seconds of the clock, and of what runs since then

    @contextmanager
    def share(self, waiting: Callable[[], object]) -> Iterator[Share]:
        """A part for a request, as long as it lasts."""
        share = Share(self, waiting)
        with self._lock:
            least = min((other.had for other in self._shares), default=0.0)
            share.had = self._each = max(self._each, least)
            self._shares.append(share)
            if len(self._shares) == 1:
                self.neighbours.enter()
        try:
            yield share
        finally:
            with self._lock:
                self._shares.remove(share)
                if not self._shares:
                    self.neighbours.leave()

    def run(self, share: Share, step: Step) -> None:
        """See `Share.run`."""
        self._wait(share)
        begun = time.perf_counter()
        try:
            step(1 if threading.get_ident() == _forker else share.threads)
        finally:
            with self._lock:
                had = (time.perf_counter() - begun) * share.threads / self._count
                share.had += had
                self._each += had / len(self._shares)
                self._release(share)

    def _wait(self, share: Share) -> None:
        with self._lock:
            share.threads, share.asking = 0, threading.get_native_id()
            self._waiting.append(share)
            self._next()
            if share.threads:
                return
            share.turn.clear()
        try:
            while not share.turn.wait(_PATIENCE):
                share.waiting()
        except BaseException:
            with self._lock:
                if share.threads:  # just now
                    self._release(share)
                else:
                    self._waiting.remove(share)
            raise

    def _release(self, share: Share) -> None:
        self._use([other for other in self._running if other is not share], -share.threads)
        self._next()

    def _next(self) -> None:
        """Let begin whoever may."""
        if not self._waiting:
            return
        ours = self._pace.threads(self.neighbours.share(), time.perf_counter())
        each, left = divmod(ours, len(self._shares))
        while self._waiting:
            share = min(self._waiting, key=lambda share: share.had)
            threads = max(1, each + (self._shares.index(share) < left))
            if self._in_use + threads > ours:
                return
            self._waiting.remove(share)
            self._use([*self._running, share], threads)
            share.threads = threads
            share.turn.set()

    def _use(self, running: list[Share], threads: int) -> None:
        """From now on these steps are done, with so many more threads."""
        now = time.perf_counter()
        if self._in_use > len(self._running):  # one alone waits for nobody
            had = self._computed() - self._before
            self._pace.took(self._in_use, now - self._since, had, now)
        self._running = running
        self._in_use += threads
        if self._in_use > len(running):
            self._since, self._before = now, self._computed()

    def _computed(self) -> float:
        return computed(share.asking for share in self._running)


def turns() -> Turns:
    """Those of this process."""
    with _making:
        return _made()


@cache
def _made() -> Turns:
    return Turns(Neighbours(cores()), cores())


_making = threading.Lock()
_forker: int | None = None
"""The thread that a child was forked in. What it computed with before has stayed with the parent:
with several threads it would wait for ever."""


def _forked() -> None:
    """A forked child has none of its parent's threads, and no part in its parent's locks."""
    global _making, _forker
    _making = threading.Lock()
    _forker = threading.get_ident()
    if _made.cache_info().currsize:
        _made().neighbours.close()
        _made.cache_clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
