"""`slmtape cassettes prune`."""

import json
import sqlite3
from pathlib import Path

import click.testing
import pytest

from slmtape.cli import main
from slmtape.keys import key
from slmtape.stores.cassettes.store import CassetteStore
from tests.support import recording_for, request_for

TEXTS = ("first words", "more words", "other words")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three recordings, which came with the repository: the cache knows of no use of them."""
    store = CassetteStore(tmp_path / "cassettes")
    for text in TEXTS:
        store.put(recording_for(request_for(text)))
    store.close()
    for cache in (tmp_path / "cassettes").glob(".cache.sqlite3*"):
        cache.unlink()
    return tmp_path / "cassettes"


def run(folder: Path, *options: str, said: str = "") -> click.testing.Result:
    runner = click.testing.CliRunner(env={"COLUMNS": "80"})
    return runner.invoke(main, ["cassettes", "prune", str(folder), *options], input=said)


def replay(folder: Path, *texts: str) -> None:
    store = CassetteStore(folder)
    for text in texts:
        assert store.get(key(request_for(text)))
    store.close()


def left(folder: Path) -> list[str]:
    """What is still recorded, by its first word."""
    return sorted(path.name.partition("-")[0] for path in folder.rglob("*.json"))


def test_what_nothing_replayed_is_deleted(folder: Path) -> None:
    replay(folder, "more words")
    result = run(folder, "--unused", said="y\n")
    assert result.exit_code == 0, result.output
    assert left(folder) == ["more"]
    assert " first words" in result.stdout
    assert f"2 recordings of 3 in {folder} are unused.\n" in result.stdout
    assert result.stdout.endswith("Deleted 2 recordings.\n")
    again = run(folder, "--unused")
    assert (again.exit_code, again.stdout) == (0, f"Of 1 in {folder} no recording is unused.\n")


def test_most_of_what_is_recorded_is_not_deleted_without_asking(folder: Path) -> None:
    replay(folder, "more words")
    result = run(folder, "--unused", "--yes")
    assert result.exit_code == 1
    assert "did the whole suite run" in result.stderr
    assert len(left(folder)) == 3


def test_what_was_just_recorded_is_used(folder: Path) -> None:
    store = CassetteStore(folder)
    store.get(key(request_for("more words")))
    store.put(recording_for(request_for("new words")))
    store.close()
    assert run(folder, "--unused", "--yes").exit_code == 0
    assert left(folder) == ["more", "new"]


def test_where_nothing_was_replayed_nothing_is_known(folder: Path) -> None:
    result = run(folder, "--unused", "--yes")
    assert result.exit_code == 1
    assert "Nothing was replayed" in result.stderr
    assert "Run the whole suite first." in result.stderr
    store = CassetteStore(folder)
    store.put(recording_for(request_for("new words")))
    store.close()
    assert run(folder, "--unused", "--yes").exit_code == 1
    assert left(folder) == ["first", "more", "new", "other"]


@pytest.mark.parametrize(("said", "code"), [("y\n", 0), ("n\n", 1), ("", 1)])
def test_it_asks_first(folder: Path, said: str, code: int) -> None:
    replay(folder, "more words", "other words")
    result = run(folder, "--unused", said=said)
    assert result.exit_code == code
    assert "Delete one recording? [y/N]" in result.output
    assert ("first" in left(folder)) is bool(code)


def test_a_dry_run_deletes_nothing(folder: Path) -> None:
    replay(folder, "more words")
    assert run(folder, "--unused", "--dry-run").exit_code == 0
    assert len(left(folder)) == 3


def test_what_was_not_replayed_for_days_may_go_as_well(folder: Path) -> None:
    replay(folder, *TEXTS)
    with sqlite3.connect(folder / ".cache.sqlite3") as connection:
        connection.execute(
            "UPDATE replays SET last = last - 10 * 86400 WHERE key = ?",
            [key(request_for("other words"))],
        )
    connection.close()
    for days, count in (("11", 0), ("9", 1)):
        result = run(folder, "--unused", "--days", days, "--json", "--dry-run")
        assert len(json.loads(result.stdout)["deleted"]) == count
    assert run(folder, "--unused", "--yes").stdout.startswith("Of 3 in ")


def test_what_a_report_says_is_unused_is_deleted(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _, other = sorted(folder.rglob("*.json"))
    monkeypatch.chdir(folder.parent)
    names = [str(first.relative_to(folder)), str(other.relative_to(folder.parent))]
    outside = folder.parent / "mine.json"
    outside.write_text("{}")
    report = folder.parent / "report.json"
    report.write_text(json.dumps({"unused": [*names, "../mine.json", "mine.json", "gone.json"]}))
    assert run(folder, "--report", str(report), "--yes").exit_code == 0
    assert left(folder) == ["more"]
    assert outside.exists()


def test_a_report_of_a_part_of_the_suite_can_not_tell(folder: Path) -> None:
    report = folder.parent / "report.json"
    report.write_text('{"unused": null}')
    result = run(folder, "--report", str(report), "--yes")
    assert result.exit_code == 1
    assert "only a run of the whole suite knows that" in result.stderr


def test_a_file_that_is_no_report_is_told(folder: Path) -> None:
    report = folder.parent / "report.json"
    for text in ("{", "[]", "{}", '{"unused": 3}'):
        report.write_text(text)
        result = run(folder, "--report", str(report), "--yes")
        assert result.exit_code == 1
        assert "is no report of --slmtape-report" in result.stderr


def test_empty_folders_go_and_damaged_files_stay(folder: Path) -> None:
    replay(folder, "more words")
    (folder / "gone").mkdir()
    for path in folder.rglob("more-*.json"):
        path.rename(folder / path.name)
    damaged = folder / "other" / "damaged.json"
    damaged.parent.mkdir()
    damaged.write_text("{")
    assert run(folder, "--unused", said="y\n").exit_code == 0
    assert not (folder / "echo").exists()
    assert damaged.exists()
    assert left(folder) == ["damaged.json", "more"]


def test_json_has_what_was_deleted(folder: Path) -> None:
    replay(folder, "more words", "other words")
    told = json.loads(run(folder, "--unused", "--yes", "--json").stdout)
    [one] = told["deleted"]
    assert one["key"] == key(request_for("first words"))
    assert Path(one["recording"]).parent == folder / "echo"
    assert not Path(one["recording"]).exists()


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--unused", "--report", __file__],
        ["--report", __file__, "--days", "3"],
        ["--unused", "--json"],
    ],
)
def test_a_wrong_command_is_2(folder: Path, options: list[str]) -> None:
    replay(folder, "more words")
    assert run(folder, *options).exit_code == 2
    assert len(left(folder)) == 3
