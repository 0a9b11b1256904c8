"""A cassette directory: files that people read, edit and merge, and a cache that is derived."""

import json
import os
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmtape.errors import CassetteError
from slmtape.generation import GenerationResult, Piece
from slmtape.stores.cassettes import recording_file
from slmtape.stores.cassettes.cache import Cache
from tests.stores.directories import files, opened, put
from tests.support import recording_for, request_for
from tests.test_keys import REQUESTS, TEXT


def contents(directory: Path) -> dict[str, bytes]:
    """Everything that would be committed."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file() and not path.name.startswith(".cache.sqlite3")
    }


RESULTS = st.builds(
    GenerationResult,
    pieces=st.lists(st.builds(Piece, TEXT.filter(bool)), max_size=8).map(tuple),
    finish_reason=st.sampled_from(["stop", "length"]),
    prompt_tokens=st.integers(1, 9999),
    completion_tokens=st.integers(0, 9999),
)


@given(REQUESTS, RESULTS)
def test_a_file_says_all_of_a_recording(request: Any, result: GenerationResult) -> None:
    recording = replace(recording_for(request), result=result)
    recording = replace(recording, model=replace(recording.model, name=request.model))
    text = recording_file.write(recording)
    assert recording_file.read(text) == recording
    assert recording_file.write(recording_file.read(text)) == text


def test_the_files_are_the_ones_that_are_announced(directory: Path) -> None:
    [path] = put(directory, recording_for(request_for("What is the capital of France?")))
    assert path.relative_to(directory).as_posix() == (
        f"echo/what-is-the-capital-of-fr-{json.loads(path.read_text())['key']}.json"
    )
    assert set(contents(directory)) == {".gitignore", str(path.relative_to(directory))}
    assert (directory / ".cache.sqlite3").exists()


def test_a_recording_reads_well(directory: Path) -> None:
    request = request_for("Wie heißt du?", temperature=0.5, seed=3, stop=("\n",))
    [path] = put(directory, recording_for(request, "Ich ", "heiße ", "Echo."))
    expected = READS_WELL.replace("KEY", recording_for(request).key).replace("DIGEST", "0" * 64)
    assert path.read_text(encoding="utf-8") == expected


READS_WELL = """\
{
  "format": 1,
  "key": "KEY",
  "model": {
    "name": "echo",
    "file": "echo.gguf",
    "sha256": "DIGEST"
  },
  "request": {
    "messages": [
      {
        "role": "user",
        "content": "Wie heißt du?"
      }
    ],
    "temperature": 0.5,
    "stop": [
      "\\n"
    ]
  },
  "seed": 3,
  "result": {
    "text": "Ich heiße Echo.",
    "finish_reason": "stop",
    "usage": {
      "prompt_tokens": 3,
      "completion_tokens": 2
    },
    "pieces": "4 6 5"
  },
  "made_with": {
    "engine": "echo"
  }
}
"""


@pytest.mark.parametrize(
    ("model", "prompt", "name"),
    [
        ("owner/repo:file", "Hi", "owner-repo-file/hi-"),
        ("..", "../../etc", "model/etc-"),
        ("m", "日本語", "m/prompt-"),
        ("m", "Crème brûlée", "m/creme-brulee-"),
        ("m", "", "m/prompt-"),
        ("m", "x" * 5000, f"m/{'x' * 25}-"),
    ],
)
def test_file_names_are_safe_everywhere(model: str, prompt: str, name: str) -> None:
    recording = recording_for(replace(request_for(prompt), model=model))
    assert recording_file.file_name(recording) == f"{name}{recording.key}.json"


def test_nothing_is_made_before_the_first_recording(directory: Path) -> None:
    with opened(directory) as store:
        assert store.get("0" * 16) is None
        assert store.requests() == {}
    assert not directory.exists()


def test_a_directory_that_appears_later_is_seen(directory: Path) -> None:
    recording = recording_for(request_for())
    with opened(directory) as early:
        assert early.get(recording.key) is None
        put(directory, recording)
        assert early.get(recording.key) == recording.result


def test_recording_again_writes_the_same_bytes(directory: Path) -> None:
    recording = recording_for(request_for())
    put(directory, recording)
    before = contents(directory)
    put(directory, recording)
    assert contents(directory) == before


def test_replaying_changes_no_committed_byte(directory: Path) -> None:
    recording = recording_for(request_for())
    put(directory, recording)
    before = contents(directory)
    stamps = {path: path.stat().st_mtime_ns for path in files(directory)}
    with opened(directory) as store:
        store.get(recording.key)
    assert contents(directory) == before
    assert {path: path.stat().st_mtime_ns for path in files(directory)} == stamps


def test_deleting_the_cache_loses_nothing(directory: Path) -> None:
    recording = recording_for(request_for())
    put(directory, recording)
    (directory / ".cache.sqlite3").unlink()
    with opened(directory) as store:
        assert store.get(recording.key) == recording.result


@pytest.mark.parametrize("damage", [b"", b"no database at all" * 100, None])
def test_a_damaged_cache_is_made_anew(directory: Path, damage: bytes | None) -> None:
    recording = recording_for(request_for())
    put(directory, *(recording_for(request_for(str(i))) for i in range(50)), recording)
    cache = directory / ".cache.sqlite3"
    if damage is None:
        whole = cache.read_bytes()
        cache.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    else:
        cache.write_bytes(damage)
    with opened(directory) as store:
        assert store.get(recording.key) == recording.result


def test_a_cache_of_another_version_is_made_anew(directory: Path) -> None:
    recording = recording_for(request_for())
    put(directory, recording)
    with closing(sqlite3.connect(directory / ".cache.sqlite3")) as connection:
        connection.execute("DROP TABLE recordings")
        connection.execute("CREATE TABLE recordings (old)")
        connection.execute("PRAGMA user_version = 999")
    with opened(directory) as store:
        assert store.get(recording.key) == recording.result


def replays(directory: Path) -> list[tuple[str, str, int]]:
    """Keys, tests and how often, as the cache has them."""
    with closing(Cache(directory / ".cache.sqlite3")) as cache:
        return [(key, test, times) for key, test, times, _ in cache.replays()]


def test_how_often_a_recording_was_replayed_is_counted(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    recording = recording_for(request_for())
    put(directory, recording)
    for _ in range(2):
        with opened(directory) as store:
            store.get(recording.key)
            store.get(recording.key)
            store.get("f" * 16)
    assert replays(directory) == [(recording.key, "", 4)]


def test_which_test_replayed_it_is_counted(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = recording_for(request_for())
    put(directory, recording)
    with opened(directory) as store:
        for running in ("a.py::test_a (setup)", "a.py::test_a (call)", "a.py::test_b[ (x)] (call)"):
            monkeypatch.setenv("PYTEST_CURRENT_TEST", running)
            store.get(recording.key)
    assert replays(directory) == [
        (recording.key, "a.py::test_a", 2),
        (recording.key, "a.py::test_b[ (x)]", 1),
    ]


def test_a_replay_is_dated(directory: Path) -> None:
    recording = recording_for(request_for())
    put(directory, recording)
    before = time.time()
    with opened(directory) as store:
        store.get(recording.key)
    with closing(Cache(directory / ".cache.sqlite3")) as cache:
        [replay] = cache.replays()
    assert before <= replay.last <= time.time()


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
def test_a_directory_that_can_not_be_written_is_replayed(directory: Path) -> None:
    recording = recording_for(request_for())
    put(directory, recording)
    (directory / ".cache.sqlite3").unlink()
    # Even root can't make a file where a directory has its name.
    (directory / ".cache.sqlite3").mkdir()
    with opened(directory) as store:
        assert store.get(recording.key) == recording.result


def edit(path: Path, *steps: str, value: Any) -> None:
    data = json.loads(path.read_text(encoding="utf-8"))
    inner = data
    for step in steps[:-1]:
        inner = inner[step]
    inner[steps[-1]] = value
    path.write_text(json.dumps(data, indent=2), encoding="utf-8")


def test_an_edited_text_is_replayed(directory: Path) -> None:
    recording = recording_for(request_for())
    [path] = put(directory, recording)
    edit(path, "result", "text", value="Something quite\nelse, by hand. ")
    with opened(directory) as store:
        result = store.get(recording.key)
    assert isinstance(result, GenerationResult)
    assert result.text == "Something quite\nelse, by hand. "
    assert [piece.text for piece in result.pieces] == [
        "Something",
        " quite",
        "\nelse,",
        " by",
        " hand. ",
    ]


@pytest.mark.parametrize("text", ["", " \n ", "one", " one two ", "\u00a0a"])
def test_an_edited_text_is_cut_into_pieces_that_make_it_up(directory: Path, text: str) -> None:
    recording = recording_for(request_for(), "a longer", " text", " than", " these")
    [path] = put(directory, recording)
    edit(path, "result", "text", value=text)
    with opened(directory) as store:
        result = store.get(recording.key)
    assert isinstance(result, GenerationResult)
    assert result.text == text
    assert all(piece.text for piece in result.pieces)


def test_a_deleted_file_is_forgotten_and_a_renamed_one_is_found(directory: Path) -> None:
    kept, gone = recording_for(request_for("kept")), recording_for(request_for("gone"))
    put(directory, kept, gone)
    gone_file, kept_file = files(directory)
    gone_file.unlink()
    (directory / "moved").mkdir()
    kept_file.rename(directory / "moved" / "here.json")
    with opened(directory) as store:
        assert store.get(gone.key) is None
        assert store.get(kept.key) == kept.result
        assert list(store.requests()) == [str(directory / "moved" / "here.json")]


def test_what_can_not_be_written_is_told(directory: Path) -> None:
    directory.mkdir()
    (directory / "echo").write_text("a file where the folder should be")
    with opened(directory) as store, pytest.raises(CassetteError, match="can't be used"):
        store.put(recording_for(request_for()))


def test_old_temporary_files_go_and_new_ones_stay(directory: Path) -> None:
    [path] = put(directory, recording_for(request_for()))
    old, new = (path.with_name(f".{n}-{'0' * 32}.tmp") for n in ("old", "new"))
    for file in (old, new):
        file.touch()
    os.utime(old, (0, 0))
    with opened(directory):
        pass
    assert not old.exists()
    assert new.exists()
