"""The one thread that computes."""

import threading
from collections.abc import Callable
from functools import cache

import pytest

from slmtape.engines.llamacpp import worker


def nothing() -> None:
    """Nothing to do while waiting."""


def in_thread(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_all_jobs_are_done_in_one_thread_that_is_not_the_caller() -> None:
    threads = {worker.run(threading.get_ident, waiting=nothing) for _ in range(5)}
    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_first_jobs_that_come_at_once_are_done_in_the_same_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for _ in range(20):
        monkeypatch.setattr(worker, "_jobs", cache(worker._jobs.__wrapped__))
        threads: list[int] = []
        together = threading.Barrier(4)

        def first(together: threading.Barrier = together, threads: list[int] = threads) -> None:
            together.wait()
            threads.append(worker.run(threading.get_ident, waiting=nothing))

        for thread in [in_thread(first) for _ in range(4)]:
            thread.join()
        assert len(set(threads)) == 1


def test_what_a_job_raises_is_raised_and_the_next_one_is_done() -> None:
    def fail() -> None:
        raise KeyError("this")

    with pytest.raises(KeyError, match="this"):
        worker.run(fail, waiting=nothing)
    assert worker.run(lambda: 5, waiting=nothing) == 5


def test_a_job_that_nobody_wants_any_more_is_taken_back_while_it_waits() -> None:
    class EnoughError(Exception):
        pass

    def enough() -> None:
        raise EnoughError

    begun, end = threading.Event(), threading.Event()

    def long() -> None:
        begun.set()
        end.wait(30)

    thread = in_thread(lambda: worker.run(long, waiting=nothing))
    assert begun.wait(10)
    done: list[int] = []
    with pytest.raises(EnoughError):
        worker.run(lambda: done.append(1), waiting=enough)
    end.set()
    thread.join()
    assert worker.run(lambda: 5, waiting=nothing) == 5
    assert not done
