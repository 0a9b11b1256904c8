"""What every store does. A new store is one more line in `STORES`."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from slmtape import stores
from slmtape.generation import GenerationResult, Piece, Store
from slmtape.keys import key
from tests.support import recording_for, request_for

Open = Callable[[], Store]


@pytest.fixture(params=stores.STORES)
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    return lambda: stores.load(request.param, tmp_path / "kept")


def test_what_was_put_is_got_again_also_after_reopening(open_store: Open) -> None:
    recording = recording_for(
        request_for("hi", temperature=1, seed=2**62), "Hé", "llo ", "\n\u2028"
    )
    store = open_store()
    assert store.get(recording.key) is None
    store.put(recording)
    assert store.get(recording.key) == recording.result
    store.close()
    store = open_store()
    assert store.get(recording.key) == recording.result
    assert list(store.requests().values()) == [recording.request]
    store.close()


def test_a_recording_is_got_whole_with_where_it_is(open_store: Open, tmp_path: Path) -> None:
    recording = recording_for(request_for())
    store = open_store()
    assert store.recording(recording.key) is None
    store.put(recording)
    found = store.recording(recording.key)
    assert found is not None
    assert str(tmp_path) in found[0]
    assert found[1] == recording
    store.close()


def test_putting_again_replaces(open_store: Open) -> None:
    recording = recording_for(request_for())
    store = open_store()
    store.put(recording)
    assert isinstance(recording.result, GenerationResult)
    store.put(replace(recording, result=replace(recording.result, pieces=(Piece("new"),))))
    assert len(store.requests()) == 1
    got = store.get(recording.key)
    assert isinstance(got, GenerationResult)
    assert got.text == "new"
    store.close()


def test_two_open_stores_see_what_the_other_puts(open_store: Open) -> None:
    one, other = open_store(), open_store()
    for number, (writer, reader) in enumerate([(one, other), (other, one)]):
        recording = recording_for(request_for(f"number {number}"))
        writer.put(recording)
        assert reader.get(recording.key) == recording.result
    one.close()
    other.close()


def test_threads_put_and_get_at_the_same_time(open_store: Open) -> None:
    store = open_store()
    lost: list[str] = []

    def work(worker: int) -> None:
        for number in range(20):
            recording = recording_for(request_for(f"{worker} {number}"))
            store.put(recording)
            if store.get(recording.key) != recording.result:
                lost.append(recording.key)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not lost
    assert len(store.requests()) == 120
    store.close()


def test_closing_twice_is_fine(open_store: Open) -> None:
    store = open_store()
    store.put(recording_for(request_for()))
    store.close()
    store.close()


def test_requests_say_where_they_are(open_store: Open, tmp_path: Path) -> None:
    store = open_store()
    store.put(recording_for(request_for("find me")))
    [(where, request)] = store.requests().items()
    assert str(tmp_path) in where
    assert key(request) == key(request_for("find me"))
    store.close()
