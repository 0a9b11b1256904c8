"""Recordings of one model become another's: all of them, or none."""

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from slmtape.errors import CassetteError
from slmtape.stores.cassettes import renaming
from slmtape.stores.cassettes.replays import used
from slmtape.stores.cassettes.store import CassetteStore
from tests.support import MODEL, recording_for, request_for

TEXTS = ("first words", "more words", "other words")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three recordings of the model `echo`."""
    store = CassetteStore(tmp_path / "cassettes")
    for text in TEXTS:
        store.put(recording_for(request_for(text)))
    store.close()
    return tmp_path / "cassettes"


def rename(folder: Path, old: str, new: str) -> None:
    renaming.carry_out(folder, renaming.plan(folder, old, new))


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.json")
    }


def test_renamed_recordings_answer_for_the_new_model(folder: Path) -> None:
    rename(folder, "echo", "owner/model:Q8_0")
    assert {path.parent.name for path in folder.rglob("*.json")} == {"owner-model-Q8_0"}
    assert not (folder / "echo").exists()
    store = CassetteStore(folder)
    recorded = store.requests()
    assert [request.model for request in recorded.values()] == ["owner/model:Q8_0"] * 3
    for path in recorded:
        found = store.recording(Path(path).stem.rpartition("-")[2])
        assert found
        assert found[1].model.name == "owner/model:Q8_0"
        assert found[1].model.file == "echo.gguf"
    store.close()


def test_what_people_wrote_into_a_file_stays_as_it_is(folder: Path) -> None:
    path = next(folder.rglob("more-words-*.json"))
    text = path.read_text().replace('"hello"', '"h\\u00e9 \\"model\\": {\\"name\\": \\"echo\\""')
    path.write_text(text.replace("\n", "\r\n"), newline="")
    before = path.read_bytes()
    rename(folder, "echo", "café")
    after = next(folder.rglob("more-words-*.json")).read_bytes()
    one, other = before.splitlines(keepends=True), after.splitlines(keepends=True)
    changed = [(a, b) for a, b in zip(one, other, strict=True) if a != b]
    assert [line.split(b":")[0].strip() for line, _ in changed] == [b'"key"', b'"name"']
    assert changed[1][1].decode() == '    "name": "café",\r\n'


def test_there_and_back_again_is_the_same(folder: Path) -> None:
    before = contents(folder)
    rename(folder, "echo", "other")
    assert contents(folder) != before
    rename(folder, "other", "echo")
    assert contents(folder) == before


def test_files_of_another_name_or_folder_keep_them(folder: Path) -> None:
    path = next(folder.rglob("first-words-*.json"))
    (folder / "mine").mkdir()
    path.rename(folder / "mine" / "greeting.json")
    rename(folder, "echo", "other")
    assert "mine/greeting.json" in contents(folder)
    CassetteStore(folder).close()


def test_a_conflict_is_told_before_anything_is_touched(folder: Path) -> None:
    store = CassetteStore(folder)
    other = recording_for(replace(request_for("more words"), model="other"))
    store.put(replace(other, model=replace(MODEL, name="other")))
    store.close()
    before = contents(folder)
    with pytest.raises(CassetteError, match=r"more-words-.* can't be renamed: .*other/more-words"):
        rename(folder, "echo", "other")
    assert contents(folder) == before


def test_a_damaged_file_is_told_before_anything_is_touched(folder: Path) -> None:
    next(folder.rglob("more-words-*.json")).write_text("{")
    before = contents(folder)
    with pytest.raises(CassetteError, match=r"more-words-.*it is not JSON"):
        rename(folder, "echo", "other")
    assert contents(folder) == before


@pytest.mark.parametrize("failing", ["unlink", "replace"])
def test_a_failure_on_the_way_leaves_everything_as_it_was(
    folder: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    before = contents(folder)
    moves = renaming.plan(folder, "echo", "other")
    real = getattr(Path, failing)

    def fails(path: Path, *given: object, **more: object) -> object:
        if "other-words" in path.name and (failing == "replace" or path.parent.name == "echo"):
            raise OSError("the disk is full")
        return real(path, *given, **more)

    with monkeypatch.context() as patched:
        patched.setattr(Path, failing, fails)
        with pytest.raises(CassetteError, match="Nothing was renamed: the disk is full"):
            renaming.carry_out(folder, moves)
    assert contents(folder) == before
    assert not (folder / "other").exists()


def test_what_was_replayed_stays_known(folder: Path) -> None:
    store = CassetteStore(folder)
    for key in {Path(path).stem.rpartition("-")[2] for path in store.requests()}:
        store.get(key)
        store.get(key)
    store.close()
    rename(folder, "echo", "other")
    keys = {path.stem.rpartition("-")[2] for path in folder.rglob("*.json")}
    assert {key: one.times for key, one in used(folder).items()} == dict.fromkeys(keys, 2)


def test_git_follows_the_files_as_renames(folder: Path) -> None:
    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        return subprocess.run(
            ["git", *identity, *arguments],
            cwd=folder,
            env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull},
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "--message", "before")
    rename(folder, "echo", "other")
    git("add", ".")
    kinds = [line.split()[0][0] for line in git("diff", "--cached", "-M", "--raw").splitlines()]
    assert kinds == [":"] * 3
    assert git("diff", "--cached", "-M", "--name-status").count("R0") == 3
