"""The files of a cassette directory, read one by one."""

from collections.abc import Callable
from pathlib import Path

import pytest

from slmtape.errors import CassetteError
from slmtape.generation import Token, Tool
from slmtape.stores.cassettes.files import Recorded, read, recordings
from slmtape.stores.cassettes.store import CassetteStore
from tests.support import recording_for, request_for
from tests.test_verify import echoed


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Three recordings: 'a', 'b' and 'c'."""
    store = CassetteStore(tmp_path / "cassettes")
    for text in ("a", "b", "c"):
        store.put(recording_for(request_for(text), text))
    store.close()
    return tmp_path / "cassettes"


def test_recordings_come_whole_and_in_order(directory: Path) -> None:
    found = list(recordings(directory))
    assert [path for path, _ in found] == sorted(directory.rglob("*.json"))
    texts = ("a", "b", "c")
    assert [one.recording for _, one in found if isinstance(one, Recorded)] == [
        recording_for(request_for(text), text) for text in texts
    ]


def test_damaged_ones_do_not_hide_the_others(directory: Path) -> None:
    first, second, third = sorted(directory.rglob("*.json"))
    first.write_text("{")
    third.write_bytes(second.read_bytes())
    damaged, whole, double = (one for _, one in recordings(directory))
    assert isinstance(whole, Recorded)
    for error, path in ((damaged, first), (double, third)):
        assert isinstance(error, CassetteError)
        assert error.message.startswith(f"{path} can't be used: ")
        assert error.message.endswith("record anew.")


def test_the_digest_tells_changes(directory: Path) -> None:
    path = min(directory.rglob("*.json"))
    before = read(path)
    assert read(path) == before
    path.write_text(path.read_text() + "\n")
    after = read(path)
    assert after.recording == before.recording
    assert after.digest != before.digest


def text_edited(text: str) -> str:
    return text.replace('"text": "yes', '"text": "yes indeed')


def arguments_edited(text: str) -> str:
    return text.replace('"city": "Rome"', '"city": "Paris"')


def reasoning_edited(text: str) -> str:
    return text.replace('"reasoning": "hm"', '"reasoning": "well"')


@pytest.mark.parametrize("edit", [text_edited, arguments_edited, reasoning_edited])
def test_a_result_that_was_edited_is_told(tmp_path: Path, edit: Callable[[str], str]) -> None:
    weather = Tool("weather", parameters='{"type":"object"}')
    request = request_for('<hm> yes\ncall weather {"city":"Rome"}', tools=(weather,))
    store = CassetteStore(tmp_path / "cassettes")
    store.put(echoed(request))
    store.close()
    [path] = tmp_path.rglob("*.json")
    assert not read(path).recording.edited
    text = path.read_text()
    # The request has the same words: only the result is edited.
    before, result, after = text.partition('"result": ')
    path.write_text(before + result + edit(after))
    assert path.read_text() != text
    assert read(path).recording.edited


def test_an_edit_of_the_same_length_shows_by_its_tokens(tmp_path: Path) -> None:
    store = CassetteStore(tmp_path / "cassettes")
    recording = echoed(request_for("yes", top_logprobs=0))
    assert recording.result.pieces[0].tokens == (Token(b"yes", -0.5),)  # type: ignore[union-attr]
    store.put(recording)
    store.close()
    [path] = tmp_path.rglob("*.json")
    path.write_text(path.read_text().replace('"text": "yes"', '"text": "yet"'))
    assert read(path).recording.edited
