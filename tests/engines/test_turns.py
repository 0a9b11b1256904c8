"""Whose turn it is to compute."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from slmtape.engines.llamacpp.cores import Neighbours, Pace
from slmtape.engines.llamacpp.turns import Share, Turns, turns

PATIENCE = 20


class EnoughError(Exception):
    """Nobody waits any more."""


class Steady(Pace):
    """Steps of tests compute nothing: no team of theirs is ever held up."""

    def took(self, threads: int, seconds: float, computed: float, now: float) -> None: ...


def nothing() -> None:
    """Nothing to do while waiting."""


def compute(_: int, seconds: float = 0.001) -> None:
    """A step that computes for so long."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


class Judge(Steady):
    """Writes down how many threads it is told of, and what they computed."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[int] = []
        self.computed = 0.0

    def took(self, threads: int, seconds: float, computed: float, now: float) -> None:
        self.told.append(threads)
        self.computed += computed


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[[int], Turns]]:
    """Makes turns for so many cores."""
    made: list[Turns] = []

    def turns(cores: int) -> Turns:
        made.append(Turns(Neighbours(cores, tmp_path), cores, Steady()))
        return made[-1]

    yield turns
    for one in made:
        one.neighbours.close()


class Long:
    """A step that has begun, and ends when it is told to."""

    def __init__(self, share: Share) -> None:
        self.threads = 0
        self._begun, self._end = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=share.run, args=(self._step,))
        self._thread.start()

    def begun(self, patience: float = PATIENCE) -> bool:
        return self._begun.wait(patience)

    def end(self) -> None:
        self._end.set()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()

    def _step(self, threads: int) -> None:
        self.threads = threads
        self._begun.set()
        self._end.wait(PATIENCE)


def test_a_request_that_is_alone_computes_with_all_cores_in_its_own_thread(
    make: Callable[[int], Turns],
) -> None:
    turns, used = make(4), list[tuple[int, int]]()

    def step(threads: int) -> None:
        used.append((threads, threading.get_ident()))

    for _ in range(3):
        with turns.share(nothing) as share:
            share.run(step)
            share.run(step)
    assert set(used) == {(4, threading.get_ident())}


def test_as_many_requests_as_cores_compute_at_once_with_one_thread_each(
    make: Callable[[int], Turns],
) -> None:
    turns = make(2)
    with turns.share(nothing) as one, turns.share(nothing) as other, turns.share(nothing) as third:
        steps = [Long(one), Long(other)]
        assert all(step.begun() for step in steps)
        assert [step.threads for step in steps] == [1, 1]
        waiting = Long(third)
        assert not waiting.begun(0.05)
        steps[0].end()
        assert waiting.begun()
        waiting.end()
        steps[1].end()


@pytest.mark.parametrize(
    ("cores", "requests", "threads"),
    [(4, 2, [2, 2]), (4, 3, [2, 1, 1]), (3, 2, [2, 1]), (8, 3, [3, 3, 2])],
)
def test_fewer_requests_than_cores_divide_them(
    cores: int, requests: int, threads: list[int], make: Callable[[int], Turns]
) -> None:
    turns = make(cores)
    with ExitStack() as stack:
        shares = [stack.enter_context(turns.share(nothing)) for _ in range(requests)]
        steps = [Long(share) for share in shares]
        assert all(step.begun() for step in steps)
        for step in steps:
            step.end()
        assert [step.threads for step in steps] == threads


def test_a_request_that_comes_while_another_has_all_cores_waits_for_one_step(
    make: Callable[[int], Turns],
) -> None:
    turns = make(4)
    with turns.share(nothing) as one:
        first = Long(one)
        assert first.begun()
        with turns.share(nothing) as other:
            second = Long(other)
            assert not second.begun(0.05)
            first.end()
            assert second.begun()
            assert (first.threads, second.threads) == (4, 2)
            second.end()


@pytest.mark.parametrize(
    ("cores", "told"), [(2, []), (3, [3, 2]), (4, [4, 2])], ids=["one each", "two and one", "twos"]
)
def test_only_threads_that_may_wait_for_others_are_judged_all_together(
    cores: int, told: list[int], tmp_path: Path
) -> None:
    turns = Turns(Neighbours(cores, tmp_path), cores, judge := Judge())
    with turns.share(nothing) as one, turns.share(nothing) as other:
        steps = [Long(share) for share in (one, other)]
        assert all(step.begun() for step in steps)
        judge.told.clear()
        for step in reversed(steps):
            step.end()
    turns.neighbours.close()
    assert judge.told == told


@pytest.mark.skipif(sys.platform != "linux", reason="other systems don't tell of each thread")
def test_a_team_is_judged_by_what_it_computes_and_not_by_other_threads(tmp_path: Path) -> None:
    def wait_for_another(_: int) -> None:
        threading.Thread(target=other).start()
        assert done.wait(PATIENCE)

    def other() -> None:
        compute(1, 0.1)
        done.set()
        end.wait(PATIENCE)

    turns = Turns(Neighbours(2, tmp_path), 2, judge := Judge())
    done, end = threading.Event(), threading.Event()
    with turns.share(nothing) as share:
        share.run(wait_for_another)
        waited = judge.computed
        share.run(lambda threads: compute(threads, 0.1))
    end.set()
    turns.neighbours.close()
    assert waited < 0.1 <= judge.computed


def test_who_had_least_comes_first(make: Callable[[int], Turns]) -> None:
    turns, order, names = make(1), list[str](), ("greedy", "late", "modest")
    with ExitStack() as stack:
        shares = {name: stack.enter_context(turns.share(nothing)) for name in names}
        for name, had in zip(names, (5.0, 2.0, 1.0), strict=True):
            shares[name].had = had
        holding = Long(shares["greedy"])
        assert holding.begun()
        waiting = [Waiting(name, shares[name], order) for name in ("late", "modest")]
        holding.end()
        for thread in waiting:
            thread.join(PATIENCE)
    assert order == ["modest", "late"]


def test_who_comes_late_begins_as_if_it_had_been_there_all_along(
    make: Callable[[int], Turns],
) -> None:
    turns = make(1)
    with turns.share(nothing) as one, turns.share(nothing) as other:
        for share in (one, other):
            share.run(compute)
        with turns.share(nothing) as late:
            assert 0 < late.had == pytest.approx((one.had + other.had) / 2)


def test_who_took_what_another_left_does_not_pay_for_it_later(
    make: Callable[[int], Turns],
) -> None:
    turns = make(1)
    with turns.share(nothing) as busy:
        with turns.share(nothing):
            busy.run(compute)
        with turns.share(nothing) as late:
            assert late.had == busy.had > 0


def test_many_that_come_for_one_step_each_let_a_longer_one_pass(
    make: Callable[[int], Turns],
) -> None:
    turns, arrived, passed = make(1), threading.Barrier(3), threading.Event()

    def come_and_go() -> None:
        arrived.wait(PATIENCE)
        for _ in range(500):
            if not passed.is_set():
                with turns.share(nothing) as share:
                    share.run(compute)
                    left.append(share)

    left: list[Share] = []
    threads = [threading.Thread(target=come_and_go) for _ in range(2)]
    for thread in threads:
        thread.start()
    with turns.share(nothing) as longer:
        arrived.wait(PATIENCE)
        for _ in range(20):
            longer.run(compute)
        passed.set()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    assert 0 < len(left) < 500


class Waiting(threading.Thread):
    """A step that has to wait: it does as soon as this is made."""

    def __init__(self, name: str, share: Share, order: list[str]) -> None:
        asked = threading.Event()
        share.waiting = asked.set
        super().__init__(target=share.run, args=(lambda _: order.append(name),))
        self.start()
        assert asked.wait(PATIENCE)


def test_a_step_that_nobody_wants_any_more_is_taken_back_while_it_waits(
    make: Callable[[int], Turns],
) -> None:
    def enough() -> None:
        raise EnoughError

    turns, done = make(1), list[int]()
    with turns.share(nothing) as one:
        first = Long(one)
        assert first.begun()
        with turns.share(enough) as other, pytest.raises(EnoughError):
            other.run(done.append)
        first.end()
        one.run(done.append)
    assert done == [1]


@pytest.mark.parametrize("cores", [1, 2])
def test_what_a_step_raises_is_raised_and_the_next_one_is_done(
    cores: int, make: Callable[[int], Turns]
) -> None:
    def fail(threads: int) -> None:
        raise KeyError("this")

    done: list[int] = []
    with make(cores).share(nothing) as share:
        with pytest.raises(KeyError, match="this"):
            share.run(fail)
        share.run(done.append)
    assert done == [cores]


def test_many_requests_come_and_go_and_all_their_steps_are_done(
    make: Callable[[int], Turns],
) -> None:
    turns, done, most = make(3), list[int](), list[int]()
    at_once, lock = 0, threading.Lock()

    def step(threads: int) -> None:
        nonlocal at_once
        with lock:
            at_once += threads
            most.append(at_once)
        done.append(threads)
        with lock:
            at_once -= threads

    def request() -> None:
        for _ in range(20):
            with turns.share(nothing) as share:
                for _ in range(5):
                    share.run(step)

    threads = [threading.Thread(target=request) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    assert len(done) == 8 * 20 * 5
    assert max(most) <= 3


def test_threads_that_come_first_at_once_take_turns_with_each_other() -> None:
    from slmtape.engines.llamacpp import turns as module

    module._made.cache_clear()
    together, found = threading.Barrier(8), list[Turns]()

    def come() -> None:
        together.wait()
        found.append(turns())

    threads = [threading.Thread(target=come) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert len({id(one) for one in found}) == 1
