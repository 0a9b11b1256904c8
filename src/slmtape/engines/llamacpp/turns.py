"""Steps of different requests take turns, and share the cores.

A request that is alone computes with all cores. As many requests as there are cores get one each,
which is faster than one after the other: nobody waits for anybody. Fewer, or more, take turns; the
one that has had the least comes first, so a long answer doesn't hold up a short one.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from queue import SimpleQueue

from slmtape.engines.llamacpp.cores import Neighbours, Pace, cores

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
        self._team = _Team()
        self._lock = threading.Lock()
        self._shares: list[Share] = []
        self._waiting: list[Share] = []
        self._running = 0
        self._in_use = 0

    @contextmanager
    def share(self, waiting: Callable[[], object]) -> Iterator[Share]:
        """A part for a request, as long as it lasts."""
        share = Share(self, waiting)
        with self._lock:
            share.had = min((other.had for other in self._shares), default=0.0)
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
        begun, computed = time.perf_counter(), time.process_time()
        try:
            if share.threads == 1:
                step(1)
            else:
                self._team.run(lambda: step(share.threads))
        finally:
            now = time.perf_counter()
            self._done(share, now - begun, time.process_time() - computed, now)

    def _wait(self, share: Share) -> None:
        with self._lock:
            share.threads = 0
            share.turn.clear()
            self._waiting.append(share)
            self._next()
        if share.threads:
            return
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

    def _done(self, share: Share, seconds: float, computed: float, now: float) -> None:
        with self._lock:
            share.had += seconds * share.threads / self._count
            self._pace.took(share.threads, seconds, computed, now)
            self._release(share)

    def _release(self, share: Share) -> None:
        self._running -= 1
        self._in_use -= share.threads
        self._next()

    def _next(self) -> None:
        """Let begin whoever may."""
        if not self._waiting:
            return
        ours = self.neighbours.share()
        if len(self._shares) >= ours:
            while self._waiting and self._in_use < ours:
                self._begin(1)
        elif not self._running:
            self._begin(self._pace.threads(ours, time.perf_counter()))

    def _begin(self, threads: int) -> None:
        share = min(self._waiting, key=lambda share: share.had)
        self._waiting.remove(share)
        self._running += 1
        self._in_use += threads
        share.threads = threads
        share.turn.set()


class _Team:
    """The one thread that computes together with others.

    libgomp gives every thread that computes with others a team of its own, and once all teams have
    more threads than there are cores it lets them sleep instead of spin while they wait for each
    other. That halves the speed: measured with 2 cores, 96 tokens took 1.1 s in one thread and
    2.5 s in a second one.
    """

    def __init__(self) -> None:
        self._jobs: SimpleQueue[_Job] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def run(self, work: Callable[[], None]) -> None:
        """Do this in that thread; raise what it raises."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="slmtape-llamacpp", daemon=True)
            self._thread.start()
        job = _Job(work)
        self._jobs.put(job)
        job.done.acquire()
        if job.error is not None:
            raise job.error

    def _work(self) -> None:
        while True:
            job = self._jobs.get()
            try:
                job.work()
            except BaseException as error:
                job.error = error
            job.done.release()
            del job  # or what it refers to would be kept until the next one


class _Job:
    def __init__(self, work: Callable[[], None]) -> None:
        self.work = work
        self.error: BaseException | None = None
        self.done = threading.Lock()
        self.done.acquire()


def turns() -> Turns:
    """Those of this process."""
    with _making:
        return _made()


@cache
def _made() -> Turns:
    return Turns(Neighbours(cores()), cores())


_making = threading.Lock()


def _forked() -> None:
    """A forked child has none of its parent's threads, and no part in its parent's locks."""
    global _making
    _making = threading.Lock()
    if _made.cache_info().currsize:
        _made().neighbours.close()
        _made.cache_clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
