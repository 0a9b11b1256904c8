"""How far a run is."""

import pytest

from slmtape.cli.cassettes.progress import Progress, shown


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_time_left_follows_the_work_that_is_left_and_not_what_was_known() -> None:
    clock = Clock()
    progress = Progress(4, 100, clock)
    assert str(progress) == "verified 0 of 4"
    progress.add(20, known=True)
    assert progress.left is None
    clock.now += 10
    progress.add(20, known=False)
    assert str(progress) == "verified 2 of 4, 30 s left"
    clock.now += 290
    assert str(progress) == "verified 2 of 4, 15 min left"


def test_where_there_is_no_terminal_a_line_comes_now_and_then(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = Clock()
    progress = Progress(3, 30, clock)
    with shown(progress) as show:
        for _ in range(3):
            clock.now += 6
            progress.add(10, known=False)
            show()
    assert capsys.readouterr().err == "verified 2 of 3, 6 s left\n"


def test_a_terminal_gets_a_bar(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    progress = Progress(2, 20)
    with shown(progress) as show:
        progress.add(10, known=False)
        show()
    assert "verified 1 of 2" in capsys.readouterr().err
