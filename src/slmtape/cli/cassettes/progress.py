"""How far a run is, and how long it will take."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import click
from rich.console import Console

_EVERY = 10.0
"""Seconds between lines, where nobody looks at a terminal."""


@dataclass
class Progress:
    """Recordings that are done, of `count`; work that is done, of `work`, since `begun`."""

    count: int
    work: float
    clock: Callable[[], float] = time.monotonic
    done: int = 0
    worked: float = 0.0
    begun: float = field(init=False)

    def __post_init__(self) -> None:
        self.begun = self.clock()

    def add(self, work: float, *, known: bool) -> None:
        """One more is done. It was no work where what came of it was `known`."""
        self.done += 1
        if known:
            self.work -= work
        else:
            self.worked += work

    @property
    def left(self) -> float | None:
        """Seconds until all is done, at the speed so far; None as long as there is no telling."""
        if not self.worked:
            return None
        return (self.work - self.worked) * (self.clock() - self.begun) / self.worked

    def __str__(self) -> str:
        line = f"verified {self.done} of {self.count}"
        return line if self.left is None else f"{line}, {_duration(self.left)} left"


Show = Callable[[], None]


@contextmanager
def shown(progress: Progress) -> Iterator[Show]:
    """Shows how far it is when it is called: a bar on a terminal, else a line now and then."""
    console = Console(stderr=True)
    if console.is_terminal:
        with _bar(progress, console) as show:
            yield show
    else:
        yield _lines(progress)


@contextmanager
def _bar(progress: Progress, console: Console) -> Iterator[Show]:
    from rich import progress as rich

    columns = (rich.BarColumn(), rich.TextColumn("{task.description}"))
    with rich.Progress(*columns, console=console, transient=True) as bars:
        task = bars.add_task(str(progress), total=progress.count)
        yield lambda: bars.update(task, completed=progress.done, description=str(progress))


def _lines(progress: Progress) -> Show:
    last = progress.begun

    def show() -> None:
        nonlocal last
        if progress.clock() - last >= _EVERY:
            last = progress.clock()
            click.echo(progress, err=True)

    return show


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"
