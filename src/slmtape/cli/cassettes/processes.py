"""Work that several processes share, none of which outlives the one that asked for it."""

import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import active_children, get_context, parent_process
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def results(work: Callable[[T], R], tasks: Sequence[T], processes: int) -> Generator[R, None, None]:
    """What `work` makes of each task, as it is done; with one process in this one.

    Raises what `work` does, and BrokenProcessPool where a process was killed.
    """
    if processes == 1:
        yield from map(work, tasks)
        return
    with _pool(min(processes, len(tasks) or 1)) as pool:
        with _uninterrupted():
            futures = [pool.submit(work, task) for task in tasks]
        for future in as_completed(futures):
            yield future.result()


@contextmanager
def _pool(processes: int) -> Iterator[ProcessPoolExecutor]:
    """Processes, which are ended in the middle of their work if anything is raised here."""
    spawn = get_context("spawn")  # llama.cpp's threads don't survive a fork
    with ProcessPoolExecutor(processes, spawn, initializer=_end_with_parent) as pool:
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for child in active_children():
                child.terminate()
            raise


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """What is started here never hears of Ctrl-C: it is for this process to end it."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _end_with_parent() -> None:
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    parent = parent_process()
    assert parent
    parent.join()
    os._exit(1)  # it was killed
