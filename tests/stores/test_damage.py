"""Damage to recordings is told and never overwritten; damage to the cache is mended or told."""

import contextlib
from pathlib import Path

import pytest

from slmtape.errors import CassetteError
from slmtape.stores.cassettes.store import CassetteStore
from tests.stores.directories import files, opened, put
from tests.support import recording_for, request_for


def damaged(path: Path) -> list[tuple[str, str]]:
    """Ways to spoil a file, and words of the sentence that tells."""
    text = path.read_text(encoding="utf-8")
    return [
        (text[: len(text) // 2], "it is not JSON"),
        ("", "it is not JSON"),
        (f"<<<<<<< ours\n{text}=======\n{text}>>>>>>> theirs\n", "git's conflict markers"),
        ("[]", "it is not a recording"),
        ("{}", "it is not a recording"),
        (text.replace('"format": 1', '"format": 2'), "its format is 2"),
        (text.replace("hello there", "hello then"), "the request was edited"),
        (text.replace('"key": "', '"key": "0'), "its key is 0"),
        (text.replace('"stop"', '"bored"'), "result.finish_reason"),
        (text.replace('"text": "', '"words": "'), "result.text"),
        (text.replace('"role"', '"part"'), "its request can't be read"),
        (text.replace('"pieces": "3 2"', '"pieces": "3 x"'), "result.pieces"),
        (text.replace('"hello there"', '["hello there"]'), "its request can't be read"),
        (text.replace('"hello"', '"hel\\ud800"'), "it is not JSON"),
        (text.replace('"hello"', "[" * 100_000), "it is not JSON"),
    ]


@pytest.mark.parametrize("way", range(15))
def test_damage_is_reported_by_name_and_never_overwritten(directory: Path, way: int) -> None:
    [path] = put(directory, recording_for(request_for()))
    text, words = damaged(path)[way]
    assert text != path.read_text()
    path.write_text(text, encoding="utf-8")
    for _ in range(2):
        with pytest.raises(CassetteError) as caught:
            CassetteStore(directory)
        assert str(path) in caught.value.message
        assert words in caught.value.message
        assert path.read_text(encoding="utf-8") == text


def test_all_damage_is_reported_at_once(directory: Path) -> None:
    put(directory, recording_for(request_for("one")), recording_for(request_for("two")))
    for path in files(directory):
        path.write_bytes(b"\xff")
    with pytest.raises(CassetteError) as caught:
        CassetteStore(directory)
    assert all(str(path) in caught.value.message for path in files(directory))


def test_two_files_with_one_key_are_reported(directory: Path) -> None:
    [path] = put(directory, recording_for(request_for()))
    copy = path.with_name("copy.json")
    copy.write_bytes(path.read_bytes())
    for _ in range(2):
        with pytest.raises(CassetteError, match="records the same request"):
            CassetteStore(directory)
    (directory / ".cache.sqlite3").unlink()
    with pytest.raises(CassetteError, match="records the same request"):
        CassetteStore(directory)


def test_files_whose_contents_were_swapped_are_fine(directory: Path) -> None:
    recordings = [recording_for(request_for(text), text) for text in ("one", "two")]
    one, two = put(directory, *recordings)
    texts = one.read_bytes(), two.read_bytes()
    one.write_bytes(texts[1] + b" ")
    two.write_bytes(texts[0] + b" ")
    with opened(directory) as store:
        assert [store.get(recording.key) for recording in recordings] == [
            recording.result for recording in recordings
        ]


def test_damage_anywhere_in_the_cache_is_mended_or_told(directory: Path) -> None:
    recordings = [recording_for(request_for(str(number)), "x" * 500) for number in range(60)]
    put(directory, *recordings)
    cache = directory / ".cache.sqlite3"
    whole = cache.read_bytes()
    mended = 0
    for page in range(0, len(whole), 4096):
        cache.write_bytes(whole[:page] + b"\xa5" * 4096 + whole[page + 4096 :])
        store = CassetteStore(directory)
        for recording in recordings:
            # Any other exception than a CassetteError would be a 500.
            with contextlib.suppress(CassetteError):
                assert store.get(recording.key) == recording.result
                mended += 1
        with contextlib.suppress(CassetteError):
            assert len(store.requests()) == 60
        store.close()
        for file in directory.glob(".cache.sqlite3-*"):
            file.unlink()
    assert mended > 60
