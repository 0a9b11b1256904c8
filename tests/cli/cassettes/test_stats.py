"""`slmtape cassettes stats`."""

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from slmtape.cli.cassettes import ages
from slmtape.stores.cassettes.store import CassetteStore
from tests.cli.cassettes.invoking import path_of, put, run, said
from tests.support import CASSETTES

ONE = said("One?", "1", model="first")
TWO = said("Two?", "2", model="first")
OTHER = said("Three?", "3", model="second")
DAY = 86_400


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    put(tmp_path / "cassettes", ONE, TWO, OTHER)
    for cache in (tmp_path / "cassettes").glob(".cache.sqlite3*"):
        cache.unlink()
    return tmp_path / "cassettes"


def replay(folder: Path, monkeypatch: pytest.MonkeyPatch, test: str, *keys: str) -> None:
    store = CassetteStore(folder)
    monkeypatch.setenv("PYTEST_CURRENT_TEST", f"{test} (call)" if test else "")
    for key in keys:
        assert store.get(key)
    store.close()


def git(folder: Path, *arguments: str, when: int = 0) -> None:
    date = f"@{when} +0000"
    subprocess.run(
        ["git", "-c", "user.name=A", "-c", "user.email=a@example.org", *arguments],
        cwd=folder,
        env={**os.environ, "GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date},
        check=True,
        capture_output=True,
    )


def test_each_model_is_a_line_with_count_size_and_age(folder: Path) -> None:
    now = time.time()
    for path in folder.rglob("*.json"):
        os.utime(path, (now, now - 2.5 * DAY))
    result = run("stats", str(folder))
    assert (result.exit_code, result.stderr) == (0, "")
    _, _, first, second, *_ = result.stdout.splitlines()
    size = sum(path_of(folder, one).stat().st_size for one in (ONE, TWO))
    day = time.strftime("%Y-%m-%d", time.localtime(now - 2.5 * DAY))
    age = f"{day} (2 days)"
    assert first.split() == f"first 2 {size / 1000:.1f} kB {age} {age}".split()
    assert second.startswith("second ")
    assert result.stdout.endswith(
        "\n3 recordings.\nNothing was replayed since the cache was made, so there is nothing to "
        "tell of tests.\n"
    )


def test_tests_are_told_with_what_they_replay(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replay(folder, monkeypatch, "b.py::test_b", ONE.key)
    replay(folder, monkeypatch, "a.py::test_a[[x]]", ONE.key, ONE.key, TWO.key)
    replay(folder, monkeypatch, "", TWO.key)
    path_of(folder, TWO).unlink()
    result = run("stats", str(folder))
    told = result.stdout[result.stdout.index("outside") :]
    assert told.splitlines() == [
        "outside of tests: 1 replay of",
        f"  {TWO.key} (gone)",
        "a.py::test_a[[x]]: 3 replays of",
        "  " + " ".join(sorted([ONE.key[:7], f"{TWO.key} (gone)"])),
        "b.py::test_b: 1 replay of",
        f"  {ONE.key[:7]}",
        "",
        "2 recordings.",
        "1 of them was not replayed since the cache was made.",
    ]


def test_json_has_all_of_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = time.time()
    replay(folder, monkeypatch, "a.py::test_a", ONE.key, ONE.key, OTHER.key)
    told = json.loads(run("stats", str(folder), "--json").stdout)
    path = path_of(folder, OTHER)
    stat = path.stat()
    assert told["directory"] == folder.as_posix()
    assert told["recordings"] == 3
    assert told["bytes"] == sum(path.stat().st_size for path in folder.rglob("*.json"))
    assert told["models"]["second"] == {
        "recordings": 1,
        "bytes": stat.st_size,
        "oldest": stat.st_mtime,
        "newest": stat.st_mtime,
    }
    [(test, replayed)] = told["tests"].items()
    assert test == "a.py::test_a"
    assert replayed["recordings"] == sorted([ONE.key, OTHER.key])
    assert replayed["replays"] == 3
    assert before <= replayed["last"] <= time.time()
    assert told["not_replayed"] == [TWO.key]
    assert told["damaged"] == []


def test_a_damaged_file_is_told_and_is_the_exit_code(folder: Path) -> None:
    path = path_of(folder, ONE)
    path.write_text("{")
    result = run("stats", str(folder))
    assert result.exit_code == 1
    assert f"{path} can't be used" in result.stdout
    assert "\n2 recordings.\n" in result.stdout


def test_an_empty_directory_and_a_damaged_cache_are_told(tmp_path: Path) -> None:
    result = run("stats", str(tmp_path))
    assert (result.exit_code, result.stdout) == (0, f"There are no recordings in {tmp_path}.\n")
    (tmp_path / ".cache.sqlite3").write_text("no database " * 100)
    result = run("stats", str(tmp_path))
    assert result.exit_code == 1
    assert "file is not a database" in result.stderr


def test_it_leaves_a_directory_as_it_was(folder: Path) -> None:
    before = sorted(folder.rglob("*"))
    run("stats", str(folder))
    assert sorted(folder.rglob("*")) == before


# Ages


def test_committed_files_are_as_old_as_their_last_commit(folder: Path) -> None:
    one, two, other = (path_of(folder, recording) for recording in (ONE, TWO, OTHER))
    git(folder.parent, "init", "-q")
    git(folder.parent, "add", str(one), str(two))
    git(folder.parent, "commit", "-q", "-m", "one", when=1_000_000)
    two.write_text(two.read_text() + "\n")
    git(folder.parent, "commit", "-q", "-a", "-m", "two", when=2_000_000)
    for path in (one, two, other):
        os.utime(path, (9_000_000, 9_000_000))
    assert ages.changed(folder, [one, two, other]) == {one: 1e6, two: 2e6, other: 9e6}


def test_a_committed_file_that_was_changed_since_is_as_old_as_it_is(folder: Path) -> None:
    one, two = (path_of(folder, recording) for recording in (ONE, TWO))
    odd = one.rename(one.with_name('odd "näme" \n.json'))
    git(folder.parent, "init", "-q")
    git(folder.parent, "add", ".")
    git(folder.parent, "commit", "-q", "-m", "all", when=1_000_000)
    two.write_text(two.read_text() + "\n")
    os.utime(two, (9_000_000, 9_000_000))
    assert ages.changed(folder, [odd, two]) == {odd: 1e6, two: 9e6}


def test_without_a_commit_files_are_as_old_as_they_are(folder: Path) -> None:
    git(folder.parent, "init", "-q")
    one = path_of(folder, ONE)
    os.utime(one, (9_000_000, 9_000_000))
    assert ages.changed(folder, [one]) == {one: 9e6}


def test_this_projects_own_recordings_are_counted() -> None:
    told = json.loads(run("stats", str(CASSETTES), "--json").stdout)
    assert told["recordings"] == len(list(CASSETTES.rglob("*.json")))
    assert told["models"]["smollm2-135m"]["oldest"] <= time.time()
