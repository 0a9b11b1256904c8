"""How a download is told to whoever waits for it."""

import atexit
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

logger = logging.getLogger("slmtape")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a download is, in bytes."""

    file: str
    done: int
    total: int


Tell = Callable[[Progress], None]


@contextmanager
def shown() -> Iterator[Tell]:
    """A bar where somebody looks at a terminal; lines in the log where nobody does."""
    with ExitStack() as stack:
        begun: list[Tell] = []

        def tell(progress: Progress) -> None:
            if not begun:
                begun.append(_telling(stack))
            begun[0](progress)

        yield tell


def _telling(stack: ExitStack) -> Tell:
    from rich.console import Console

    console = Console(stderr=True)
    if console.is_terminal and not _under_pytest():
        return stack.enter_context(bar(console))
    return Lines(_say)


@contextmanager
def bar(console: "Console") -> Iterator[Tell]:
    """A progress bar for each file."""
    from rich import progress as rich

    columns = (
        rich.TextColumn("{task.description}"),
        rich.BarColumn(),
        rich.DownloadColumn(),
        rich.TransferSpeedColumn(),
        rich.TimeRemainingColumn(),
    )
    # Where the process ends in the middle, the bar has hidden the cursor.
    atexit.register(console.show_cursor)
    with rich.Progress(*columns, console=console) as bars:
        tasks: dict[str, rich.TaskID] = {}

        def tell(progress: Progress) -> None:
            if progress.file not in tasks:
                tasks[progress.file] = bars.add_task(progress.file)
            bars.update(tasks[progress.file], completed=progress.done, total=progress.total)

        yield tell
    atexit.unregister(console.show_cursor)


class Lines:
    """A line now and then: the first after a while, so that short downloads stay quiet."""

    def __init__(
        self,
        say: Callable[[str], None],
        *,
        every: float = 10,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`every`: seconds between lines, and before the first."""
        self._say = say
        self._every = every
        self._clock = clock
        self._next = clock() + every
        self._from: tuple[float, Progress] | None = None

    def __call__(self, progress: Progress) -> None:
        now = self._clock()
        if self._from is None or self._from[1].file != progress.file:
            self._from = now, progress
        if now >= self._next:
            self._next = now + self._every
            self._say(_line(progress, *self._from, now))


def _line(progress: Progress, begun: float, at: Progress, now: float) -> str:
    share = progress.done / progress.total if progress.total else 0
    line = f"downloading {progress.file}: {share:.0%} of {progress.total / 1e6:,.0f} MB"
    speed = (progress.done - at.done) / (now - begun) if now > begun else 0
    if not speed:
        return line
    left = (progress.total - progress.done) / speed
    return f"{line}, {speed / 1e6:,.1f} MB/s, {left:,.0f} s left"


def _say(line: str) -> None:
    """Log it; where pytest keeps the log to itself, show it on the terminal as well."""
    logger.warning("%s", line)
    if _under_pytest():
        with suppress(OSError), open("/dev/tty", "w", encoding="utf-8") as terminal:  # noqa: PTH123
            terminal.write(f"\nslmtape: {line}\n")


def _under_pytest() -> bool:
    return "PYTEST_VERSION" in os.environ or "PYTEST_CURRENT_TEST" in os.environ
