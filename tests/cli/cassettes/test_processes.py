"""Work that several processes share."""

import os
import signal
import subprocess
import sys
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

from slmtape.cli.cassettes.processes import results
from tests.support import ROOT

OTHERS = """
import threading
from slmtape.cli.cassettes.processes import results

def work(number):
    print("working", flush=True)
    threading.Event().wait()

if __name__ == "__main__":
    list(results(work, [1, 2], 2))
"""


def doubled(number: int) -> tuple[int, int]:
    if number < 0:
        raise ValueError("negative")
    if number == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return os.getpid(), 2 * number


def test_one_process_is_this_one() -> None:
    assert list(results(doubled, [1, 2], 1)) == [(os.getpid(), 2), (os.getpid(), 4)]


def test_several_give_all_results_and_take_no_more_processes_than_there_are_tasks() -> None:
    done = list(results(doubled, [1, 2, 3], 2))
    assert {number for _, number in done} == {2, 4, 6}
    pids = {pid for pid, _ in done}
    assert os.getpid() not in pids
    assert len(pids) <= 2
    assert list(results(doubled, [], 8)) == []


def test_what_is_raised_there_is_raised_here() -> None:
    for processes in (1, 2):
        with pytest.raises(ValueError, match="negative"):
            list(results(doubled, [-1], processes))


def test_a_process_that_is_killed_is_told_and_is_no_hang() -> None:
    with pytest.raises(BrokenProcessPool):
        list(results(doubled, [0, 1], 2))


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_no_process_outlives_the_one_that_asked_for_it(how: signal.Signals, tmp_path: Path) -> None:
    script = tmp_path / "others.py"
    script.write_text(OTHERS)
    with subprocess.Popen(
        [sys.executable, script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        start_new_session=True,
    ) as parent:
        assert parent.stdout is not None
        assert [parent.stdout.readline() for _ in range(2)] == ["working\n"] * 2
        if how == signal.SIGINT:
            os.killpg(parent.pid, how)  # as a terminal's Ctrl-C does
        else:
            parent.send_signal(how)
        _, complaints = parent.communicate(timeout=60)  # when all of them have closed the pipe
    assert complaints.count("Traceback") == (how == signal.SIGINT)
