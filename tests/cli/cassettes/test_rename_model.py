"""`slmtape cassettes rename-model`."""

import json
from pathlib import Path

import click.testing
import pytest

from slmtape.cli import main
from slmtape.stores.cassettes.store import CassetteStore
from tests.support import recording_for, request_for


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two recordings of the model `echo`."""
    store = CassetteStore(tmp_path / "cassettes")
    for text in ("first words", "more words"):
        store.put(recording_for(request_for(text)))
    store.close()
    return tmp_path / "cassettes"


def run(folder: Path, *arguments: str) -> click.testing.Result:
    command = ["cassettes", "rename-model", *arguments, str(folder)]
    return click.testing.CliRunner(env={"COLUMNS": "80"}).invoke(main, command)


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*.json")}


def test_what_becomes_of_each_is_shown(folder: Path) -> None:
    before = names(folder)
    result = run(folder, "echo", "other")
    assert result.exit_code == 0, result.output
    assert result.stdout.endswith("2 recordings of echo are now of other.\n")
    assert "\nmore-words  " in result.stdout
    assert all(key.rpartition("-")[2].removesuffix(".json") in result.stdout for key in before)
    assert {name.split("/")[0] for name in names(folder)} == {"other"}


def test_a_dry_run_touches_nothing(folder: Path) -> None:
    before = names(folder)
    result = run(folder, "echo", "other", "--dry-run")
    assert result.stdout.endswith("2 recordings of echo would be of other.\n")
    assert names(folder) == before


def test_json_has_old_and_new_paths(folder: Path) -> None:
    before = names(folder)
    told = json.loads(run(folder, "echo", "other", "--json").stdout)
    assert {one["recording"] for one in told["renamed"]} == {f"{folder}/{n}" for n in before}
    assert {one["becomes"] for one in told["renamed"]} == {f"{folder}/{n}" for n in names(folder)}
    assert all(one["new_key"] in one["becomes"] for one in told["renamed"])


def test_a_model_of_which_nothing_is_recorded_is_a_wrong_command(folder: Path) -> None:
    result = run(folder, "gone", "other")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Nothing is recorded of a model 'gone'. Recorded: echo." in result.stderr
    assert run(folder, "echo", "echo").exit_code == 2


def test_a_conflict_is_the_exit_code(folder: Path) -> None:
    assert run(folder, "echo", "other").exit_code == 0
    store = CassetteStore(folder)
    store.put(recording_for(request_for("more words")))
    store.close()
    result = run(folder, "echo", "other")
    assert result.exit_code == 1
    assert "records the same request" in result.stderr
    assert "Nothing was renamed." in result.stderr
