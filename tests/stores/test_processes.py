"""Several processes in one cassette directory, killed at any moment; branches that merge."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from slmtape.generation import GenerationResult
from slmtape.stores.cassettes.store import CassetteStore
from tests.support import ROOT, recording_for, request_for

RECORD = """
import sys
from pathlib import Path
from slmtape.stores.cassettes.store import CassetteStore
from tests.support import recording_for, request_for

directory, worker, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
store = CassetteStore(directory)
for number in range(count):
    for text in (f"{worker} {number}", f"shared {number}"):
        recording = recording_for(request_for(text), f"said {text}")
        if store.get(recording.key) is None:
            store.put(recording)
        assert store.get(recording.key) == recording.result
        print(text, flush=True)
store.close()
"""


def record(directory: Path, worker: str, count: int) -> subprocess.Popen[str]:
    """A process that records; it prints each text once its recording is kept."""
    return subprocess.Popen(
        [sys.executable, "-c", RECORD, str(directory), worker, str(count)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def check(directory: Path, text: str) -> None:
    store = CassetteStore(directory)
    result = store.get(recording_for(request_for(text)).key)
    assert isinstance(result, GenerationResult), f"lost: {text}"
    assert result.text == f"said {text}"
    store.close()


def test_processes_record_into_one_directory_and_lose_nothing(tmp_path: Path) -> None:
    directory = tmp_path / "cassettes"
    workers = [record(directory, f"worker-{number}", 25) for number in range(4)]
    for worker in workers:
        said, complaints = worker.communicate(timeout=120)
        assert worker.returncode == 0, complaints
        assert len(said.splitlines()) == 50
    assert len(list(directory.rglob("*.json"))) == 4 * 25 + 25
    assert not list(directory.rglob("*.tmp"))
    for worker_number in range(4):
        for number in (0, 24):
            check(directory, f"worker-{worker_number} {number}")


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX's")
def test_a_killed_process_leaves_a_directory_that_opens_with_all_that_was_answered(
    tmp_path: Path,
) -> None:
    directory = tmp_path / "cassettes"
    chance = random.Random(5)
    answered: set[str] = set()
    for attempt in range(20):
        process = record(directory, f"attempt-{attempt}", 10_000)
        assert process.stdout is not None
        for _ in range(chance.randrange(1, 12)):
            answered.add(process.stdout.readline().strip())
        process.send_signal(signal.SIGKILL)
        rest, _ = process.communicate()
        # The last line may be cut off by the kill.
        answered.update(line for line in rest.split("\n")[:-1])
        store = CassetteStore(directory)
        for text in answered:
            result = store.get(recording_for(request_for(text)).key)
            assert isinstance(result, GenerationResult), f"lost: {text}"
            assert result.text == f"said {text}"
        store.close()
    assert len(answered) > 50


def git(repository: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "core.autocrlf=false"]
    run = subprocess.run(
        ["git", *identity, *arguments], cwd=repository, capture_output=True, text=True, check=True
    )
    return run.stdout


def test_branches_that_record_different_things_merge(tmp_path: Path) -> None:
    directory = tmp_path / "cassettes"

    def record_and_commit(*texts: str) -> None:
        store = CassetteStore(directory)
        for text in texts:
            store.put(recording_for(request_for(text), f"said {text}"))
        store.close()
        git(tmp_path, "add", "--all")
        git(tmp_path, "commit", "--message", "record")

    git(tmp_path, "init", "--initial-branch", "main")
    record_and_commit("before")
    git(tmp_path, "switch", "--create", "other")
    record_and_commit("theirs", "both")
    git(tmp_path, "switch", "main")
    record_and_commit("ours", "both")
    git(tmp_path, "merge", "other", "--no-edit")
    tracked = git(tmp_path, "ls-files").split()
    assert len(tracked) == 5, tracked  # four recordings and the .gitignore, no cache
    assert git(tmp_path, "status", "--porcelain") == ""
    for text in ("before", "ours", "theirs", "both"):
        check(directory, text)
    assert git(tmp_path, "status", "--porcelain") == ""
