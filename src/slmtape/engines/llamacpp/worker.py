"""The one thread of this process that computes.

libgomp gives every thread that computes a team of its own, and once all teams together have more
threads than there are cores it lets them sleep instead of spin while they wait for each other.
That halves the speed: measured with 2 cores, 96 tokens took 1.1 s in one thread and 2.5 s in a
second one.
"""

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from functools import cache
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")

_PATIENCE = 0.05
"""Seconds between looks at whether a job that has not begun is still wanted."""


def run(job: Callable[[], T], *, waiting: Callable[[], None]) -> T:
    """Do the job in that thread, after those that came before; return or raise what it does.

    Until it begins, `waiting` is called again and again; what it raises takes the job back.
    """
    future: Future[T] = Future()
    with _beginning:
        jobs = _jobs()
    jobs.put((future, job))
    while not (future.running() or future.done()):
        try:
            waiting()
        except BaseException:
            if future.cancel():
                raise
        wait([future], timeout=_PATIENCE)
    return future.result()


_beginning = threading.Lock()
"""Held so that two first jobs at once find the same thread."""


@cache
def _jobs() -> SimpleQueue[tuple[Future[Any], Callable[[], Any]]]:
    """The jobs of a thread that is started with the first."""
    jobs: SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = SimpleQueue()
    threading.Thread(target=_work, args=(jobs,), name="slmtape-llamacpp", daemon=True).start()
    return jobs


def _work(jobs: SimpleQueue[tuple[Future[Any], Callable[[], Any]]]) -> None:
    while True:
        future, job = jobs.get()
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(job())
            except BaseException as error:
                future.set_exception(error)
        del future, job  # or their answer would be kept until the next one


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_jobs.cache_clear)
