"""How processes divide the cores, and how a team that is held up becomes smaller."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from slmtape.engines.llamacpp.cores import Neighbours, Pace, computed, cores
from tests.support import ROOT

pytest.importorskip("fcntl", reason="Windows: each process for itself")

COMPUTE = """
import sys
from pathlib import Path
from slmtape.engines.llamacpp.cores import Neighbours

ours = Neighbours(int(sys.argv[2]), Path(sys.argv[1]))
ours.enter()
for _ in sys.stdin:
    print(ours.share(), flush=True)
"""


class Process:
    """A process that computes."""

    def __init__(self, folder: Path, cores: int) -> None:
        command = [sys.executable, "-c", COMPUTE, str(folder), str(cores)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )

    def share(self) -> int:
        """The cores it may use now."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def kill(self) -> None:
        """End it without a chance to let go of anything."""
        self._process.kill()
        self._process.communicate()


@pytest.mark.parametrize(
    ("cores", "shares"),
    [
        (1, [[1], [1, 1]]),
        (2, [[2], [1, 1], [1, 1, 1]]),
        (4, [[4], [2, 2], [2, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1, 1]]),
    ],
)
def test_processes_divide_the_cores_and_those_that_die_leave_theirs(
    cores: int, shares: list[list[int]], tmp_path: Path
) -> None:
    processes: list[Process] = []
    for expected in shares:
        processes.append(Process(tmp_path, cores))
        processes[-1].share()  # it has begun
        assert sorted((one.share() for one in processes), reverse=True) == expected
    while processes:
        for one in processes:  # who had none takes what was left
            one.share()
        assert sorted((one.share() for one in processes), reverse=True) == shares.pop()
        processes.pop(0).kill()


def test_who_computes_no_more_leaves_its_cores(tmp_path: Path) -> None:
    one, other = Neighbours(2, tmp_path), Neighbours(2, tmp_path)
    one.enter()
    other.enter()
    assert (one.share(), other.share()) == (1, 1)
    other.leave()
    assert one.share() == 2
    other.enter()
    assert (one.share(), other.share()) == (1, 1)
    other.close()
    assert one.share() == 2
    one.close()


def test_where_there_is_no_folder_for_files_all_cores_are_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing() -> str:
        raise FileNotFoundError

    monkeypatch.setattr("tempfile.gettempdir", missing)
    assert Neighbours(3).share() == 3


def test_where_no_file_can_be_locked_all_cores_are_ours(tmp_path: Path) -> None:
    alone = Neighbours(3, tmp_path / "missing")
    alone.enter()
    assert alone.share() == 3
    alone.leave()
    alone.close()


def test_the_number_of_cores_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for said, count in (("3", 3), ("0", 1)):
        monkeypatch.setenv("SLMTAPE_THREADS", said)
        cores.cache_clear()
        assert cores() == count
    monkeypatch.setenv("SLMTAPE_THREADS", "many")
    cores.cache_clear()
    usual = cores()
    monkeypatch.delenv("SLMTAPE_THREADS")
    cores.cache_clear()
    assert cores() == usual >= 1


def test_what_other_threads_compute_is_no_teams() -> None:
    begun, end = threading.Event(), threading.Event()

    def compute() -> None:
        while time.thread_time() < 0.1:
            pass
        begun.set()
        end.wait(20)

    other = threading.Thread(target=compute)
    before = time.process_time(), computed([])
    other.start()
    assert begun.wait(20)
    assert other.native_id
    total, helpers = time.process_time() - before[0], computed([]) - before[1]
    with_other = computed([other.native_id]) - before[1]
    end.set()
    other.join(20)
    assert total >= 0.1
    assert with_other >= 0.1
    seen = sys.platform == "linux"
    assert (helpers < 0.1) == seen


def steps(pace: Pace, now: float, count: int, *, cores: int, free: float) -> list[int]:
    """The threads of so many steps of 10 ms each, on so many cores of which some are free."""
    used = []
    for _ in range(count):
        threads = pace.threads(cores, now)
        now += 0.01
        pace.took(threads, 0.01, 0.01 * min(threads, free), now)
        used.append(threads)
    return used


def test_a_team_that_has_all_it_needs_stays() -> None:
    assert set(steps(Pace(), 0, 500, cores=4, free=3.9)) == {4}


@pytest.mark.parametrize(("cores", "free", "threads"), [(2, 1.33, 1), (4, 3.2, 3), (8, 2.1, 2)])
def test_a_team_that_is_held_up_becomes_as_large_as_what_is_free(
    cores: int, free: float, threads: int
) -> None:
    used = steps(Pace(), 0, 100, cores=cores, free=free)
    assert used[:2] == [cores, cores]
    assert used.count(threads) > 70
    assert set(used) == {cores, threads}


def test_a_team_is_tried_again_ever_more_seldom_and_stays_when_it_has_room() -> None:
    pace = Pace()
    early, late = (
        steps(pace, 0, 100, cores=2, free=1.3),
        steps(pace, 10, 1000, cores=2, free=1.3)[500:],
    )
    assert late.count(2) / len(late) < early.count(2) / len(early)
    freed = steps(pace, 30, 300, cores=2, free=2)
    assert set(freed[-50:]) == {2}


def test_one_thread_is_never_too_many() -> None:
    assert set(steps(Pace(), 0, 100, cores=1, free=0.3)) == {1}
