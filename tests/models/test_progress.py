"""What is seen of a download."""

import io
import itertools
import logging

import pytest
from rich.console import Console

from slmtape.models.progress import Lines, Progress, bar, shown


def test_lines_come_now_and_then_and_short_downloads_are_quiet() -> None:
    said: list[str] = []
    seconds = itertools.count()
    lines = Lines(said.append, every=10, clock=lambda: float(next(seconds)))
    for done in range(0, 9_000_000, 1_000_000):
        lines(Progress("m.gguf", done, 100_000_000))
    assert said == []
    for done in range(9_000_000, 26_000_000, 1_000_000):
        lines(Progress("m.gguf", done, 100_000_000))
    assert said == [
        "downloading m.gguf: 9% of 100 MB, 1.0 MB/s, 91 s left",
        "downloading m.gguf: 19% of 100 MB, 1.0 MB/s, 81 s left",
    ]


def test_a_bar_shows_how_far_it_is() -> None:
    screen = io.StringIO()
    with bar(Console(file=screen, force_terminal=True, width=100)) as tell:
        tell(Progress("m.gguf", 50_000_000, 100_000_000))
    assert "m.gguf" in screen.getvalue()
    assert "50.0/100.0 MB" in screen.getvalue()


def test_under_pytest_nothing_is_shown_at_once(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO), shown() as tell:
        tell(Progress("m.gguf", 1, 100))
    assert capfd.readouterr() == ("", "")
    assert caplog.messages == []
