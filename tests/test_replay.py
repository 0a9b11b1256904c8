"""The decision: replay what is recorded, or generate and record it."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slmtape.answers import Answer
from slmtape.errors import (
    CassetteError,
    EngineError,
    RecordingChanged,
    RecordingNotFound,
    ServerStopped,
)
from slmtape.generation import GenerationResult, Request
from slmtape.keys import key
from slmtape.modes import Mode
from slmtape.replay import Replay
from slmtape.stores.cassettes.store import CassetteStore
from tests.support import EchoEngine, recording_for, request_for


@pytest.fixture
def engine() -> EchoEngine:
    return EchoEngine()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CassetteStore]:
    store = CassetteStore(tmp_path / "cassettes")
    yield store
    store.close()


@pytest.fixture
def replay(engine: EchoEngine, store: CassetteStore) -> Callable[..., Replay]:
    def make(mode: Mode = Mode.AUTO, **options: Any) -> Replay:
        return Replay(
            mode=mode,
            store=store,
            engine=lambda *_: engine,
            remedy=lambda: "Record it.",
            **options,
        )

    return make


def finished(answer: Answer) -> Answer:
    """The answer, once it is complete."""
    done = threading.Event()
    answer.follow(done.set, pieces=False)
    while not answer.done:
        assert done.wait(10)
        done.clear()
    answer.leave(done.set, pieces=False)
    return answer


def give_up(answer: Answer) -> None:
    """Follow the answer, and leave it before it is complete."""
    wake = threading.Event()
    answer.follow(wake.set, pieces=False)
    answer.leave(wake.set, pieces=False)


def text(answer: Answer) -> str:
    result = finished(answer).result
    assert isinstance(result, GenerationResult), answer.error
    return result.text


def test_a_miss_is_generated_and_recorded_and_then_replayed(
    replay: Callable[..., Replay], engine: EchoEngine
) -> None:
    replaying = replay()
    [first] = replaying.answers([request_for("one two")], 1)
    assert text(first) == "one two"
    assert not first.replayed
    [second] = replaying.answers([request_for("one two")], 1)
    assert second.replayed
    assert text(second) == "one two"
    assert [piece.text for piece in second.pieces] == ["one", " two"]
    assert engine.runs == 1


def test_live_records_nothing(replay: Callable[..., Replay], store: CassetteStore) -> None:
    [answer] = replay(Mode.LIVE).answers([request_for()], 1)
    assert text(answer) == "hello there"
    assert store.get(answer.key) is None


def test_live_replays_nothing(replay: Callable[..., Replay], store: CassetteStore) -> None:
    store.put(recording_for(request_for(), "old"))
    [answer] = replay(Mode.LIVE).answers([request_for()], 1)
    assert text(answer) == "hello there"


def test_rewrite_replaces_what_was_recorded(
    replay: Callable[..., Replay], store: CassetteStore
) -> None:
    store.put(recording_for(request_for(), "old"))
    [answer] = replay(Mode.REWRITE).answers([request_for()], 1)
    assert text(answer) == "hello there"
    kept = store.get(answer.key)
    assert isinstance(kept, GenerationResult)
    assert kept.text == "hello there"


def test_a_miss_in_replay_names_the_nearest_recording_and_what_differs(
    replay: Callable[..., Replay], store: CassetteStore, engine: EchoEngine
) -> None:
    store.put(recording_for(request_for("What is the capital of France?")))
    store.put(recording_for(request_for("Write a poem about the sea")))
    asked = request_for("What is the capital of Spain?", max_tokens=5)
    [answer] = replay(Mode.REPLAY).answers([asked], 1)
    error = finished(answer).error
    assert isinstance(error, RecordingNotFound)
    message = error.message
    assert error.key == key(asked) in message
    assert "what-is-the-capital-of-fr-" in message
    assert "'What is the capital of France?' → 'What is the capital of Spain?'" in message
    assert "max_tokens: not given → 5" in message
    assert message.endswith("Record it.")
    assert engine.runs == 0


def test_equal_requests_that_are_verified_at_the_same_time_run_the_model_once(
    replay: Callable[..., Replay], store: CassetteStore, engine: EchoEngine
) -> None:
    store.put(recording_for(request_for(), "old"))
    engine.hold()
    told: list[RecordingChanged] = []
    verifying = replay(Mode.VERIFY, changed=told.append)
    answers = [verifying.answers([request_for()], 1)[0] for _ in range(5)]
    assert not any(answer.pieces for answer in answers)
    engine.allow()
    assert {text(answer) for answer in answers} == {"old"}
    assert all(answer.replayed for answer in answers)
    assert engine.runs == 1
    [changed] = told
    assert changed.differences[0] == "text: 'old' → 'hello there'"


def test_verifying_that_nobody_waits_for_is_stopped_and_tells_nothing(
    replay: Callable[..., Replay], store: CassetteStore, engine: EchoEngine
) -> None:
    store.put(recording_for(request_for(), "old"))
    engine.hold()
    told: list[RecordingChanged] = []
    verifying = replay(Mode.VERIFY, changed=told.append)
    [answer] = verifying.answers([request_for()], 1)
    give_up(answer)
    assert engine.closed.wait(10)
    verifying.close()
    assert isinstance(answer.error, ServerStopped)
    assert not told


def test_an_engine_that_fails_where_it_once_answered_is_a_change(
    replay: Callable[..., Replay], store: CassetteStore
) -> None:
    store.put(recording_for(request_for("fail now"), "old"))
    told: list[RecordingChanged] = []
    [answer] = replay(Mode.VERIFY, changed=told.append).answers([request_for("fail now")], 1)
    assert text(answer) == "old"
    assert "The model gives no answer to this now: RuntimeError: told to fail" in told[0].message


def test_a_recording_that_was_damaged_since_is_an_error_that_names_it(
    replay: Callable[..., Replay], store: CassetteStore
) -> None:
    store.put(recording_for(request_for()))
    [path] = store.requests()
    Path(path).write_text("{")
    [answer] = replay(Mode.VERIFY).answers([request_for()], 1)
    error = finished(answer).error
    assert isinstance(error, CassetteError)
    assert path in error.message


def test_identical_requests_at_the_same_time_run_the_model_once(
    replay: Callable[..., Replay], engine: EchoEngine
) -> None:
    engine.hold()
    replaying = replay(Mode.LIVE)
    answers = [replaying.answers([request_for()], 1)[0] for _ in range(5)]
    engine.allow()
    assert {text(answer) for answer in answers} == {"hello there"}
    assert engine.runs == 1


def test_one_who_leaves_does_not_stop_an_answer_that_others_wait_for(
    replay: Callable[..., Replay], engine: EchoEngine
) -> None:
    engine.hold()
    replaying = replay()
    [mine], [theirs] = (replaying.answers([request_for()], 1) for _ in range(2))
    impatient, patient = threading.Event(), threading.Event()
    mine.follow(impatient.set, pieces=False)
    theirs.follow(patient.set, pieces=False)
    mine.leave(impatient.set, pieces=False)
    engine.allow()
    assert text(theirs) == "hello there"


def test_an_answer_that_nobody_follows_is_stopped_and_not_recorded(
    replay: Callable[..., Replay], engine: EchoEngine, store: CassetteStore
) -> None:
    engine.hold()
    replaying = replay()
    [answer] = replaying.answers([request_for()], 1)
    give_up(answer)
    assert engine.closed.wait(10)
    replaying.close()
    assert isinstance(answer.error, ServerStopped)
    assert store.get(answer.key) is None


def test_a_request_after_an_abandoned_one_is_answered(
    replay: Callable[..., Replay], engine: EchoEngine
) -> None:
    engine.hold()
    replaying = replay()
    [left] = replaying.answers([request_for()], 1)
    give_up(left)
    [answer] = replaying.answers([request_for()], 1)
    engine.allow()
    assert text(answer) == "hello there"


def test_closing_stops_what_several_follow_also_when_one_of_them_leaves(
    replay: Callable[..., Replay], engine: EchoEngine, store: CassetteStore
) -> None:
    engine.hold()
    replaying = replay()
    one, other = threading.Event(), threading.Event()
    [answer] = replaying.answers([request_for()], 1)
    answer.follow(one.set, pieces=False)
    answer.follow(other.set, pieces=False)
    answer.give_up("closing")  # what closing does first
    answer.leave(one.set, pieces=False)
    replaying.close()
    assert isinstance(answer.error, ServerStopped)
    assert store.get(answer.key) is None


def test_closing_stops_what_is_generated(
    replay: Callable[..., Replay], engine: EchoEngine, store: CassetteStore
) -> None:
    engine.hold()
    replaying = replay()
    [answer] = replaying.answers([request_for()], 1)
    replaying.close()
    assert isinstance(answer.error, ServerStopped)
    assert store.get(answer.key) is None
    with pytest.raises(ServerStopped):
        replaying.answers([request_for()], 1)


def test_an_engine_that_fails_leaves_an_error_and_no_recording(
    replay: Callable[..., Replay], store: CassetteStore, caplog: pytest.LogCaptureFixture
) -> None:
    [answer] = replay().answers([request_for("fail now")], 1)
    finished(answer)
    assert isinstance(answer.error, EngineError)
    assert "RuntimeError: told to fail" in answer.error.message
    assert "told to fail" in caplog.text
    assert store.get(answer.key) is None


def test_unseeded_sampling_counts_its_requests_and_replays_them_in_order(
    replay: Callable[..., Replay],
) -> None:
    request = request_for("dice", temperature=1)
    first = replay()
    said = [text(first.answers([request], 1)[0]) for _ in range(3)]
    assert said == ["dice 0", "dice 1", "dice 2"]
    again = replay(Mode.REPLAY)
    assert [text(again.answers([request], 1)[0]) for _ in range(3)] == said
    assert isinstance(finished(again.answers([request], 1)[0]).error, RecordingNotFound)


def test_a_request_that_was_given_up_or_failed_gives_its_seed_back(
    replay: Callable[..., Replay], engine: EchoEngine
) -> None:
    request = request_for("dice", temperature=1)
    replaying = replay()
    engine.hold()
    [given_up] = replaying.answers([request], 1)
    [kept] = replaying.answers([request], 1)
    give_up(given_up)
    [second_try] = replaying.answers([request], 1)
    engine.allow()
    assert [text(kept), text(second_try)] == ["dice 1", "dice 0"]
    assert text(replaying.answers([request], 1)[0]) == "dice 2"


def test_a_thread_that_can_not_start_is_an_error_and_not_a_hang(
    replay: Callable[..., Replay], monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    replaying = replay()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        with pytest.raises(EngineError, match="can't start new thread"):
            replaying.answers([request_for()], 1)
    assert text(replaying.answers([request_for()], 1)[0]) == "hello there"
    replaying.close()


def test_where_few_threads_can_start_they_give_all_answers(
    replay: Callable[..., Replay], monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[threading.Thread] = []
    begin = threading.Thread.start

    def start(thread: threading.Thread) -> None:
        if started:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        begin(thread)

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        answers = replay().answers([request_for(f"word {number}") for number in range(9)], 1)
    assert [text(answer) for answer in answers] == [f"word {number}" for number in range(9)]


def test_a_call_has_few_of_its_answers_given_at_once(
    replay: Callable[..., Replay], engine: EchoEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    generate, together = engine.generate, threading.Barrier(4)
    at_once, most = set[int](), list[int]()

    def counted(*asked: Any) -> GenerationResult:
        at_once.add(threading.get_ident())
        most.append(len(at_once))
        together.wait(10)
        result = generate(*asked)
        at_once.discard(threading.get_ident())
        return result

    monkeypatch.setattr(engine, "generate", counted)
    answers = replay().answers([request_for(f"word {number}") for number in range(12)], 1)
    assert [text(answer) for answer in answers] == [f"word {number}" for number in range(12)]
    assert max(most) <= 4


def test_closing_stops_also_what_was_not_begun(
    replay: Callable[..., Replay], engine: EchoEngine
) -> None:
    engine.hold()
    replaying = replay()
    answers = replaying.answers([request_for(f"word {number}") for number in range(12)], 1)
    assert engine.started.wait(10)
    replaying.close()
    assert all(isinstance(answer.error, ServerStopped) for answer in answers)
    assert engine.runs <= 4


def test_of_many_that_are_missing_the_first_is_explained_and_all_seeds_are_free_again(
    replay: Callable[..., Replay], store: CassetteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: list[str] = []

    def requests() -> dict[str, Request]:
        searched.append("once")
        return {}

    monkeypatch.setattr(store, "requests", requests)
    replaying = replay(Mode.REPLAY)
    request = request_for("dice", temperature=1)
    missing = replaying.answers([request], 3)
    assert {finished(answer).key for answer in missing} == {key(replace(request, seed=0))}
    for seed in range(3):
        store.put(recording_for(replace(request, seed=seed), f"dice {seed}"))
    found = replaying.answers([request], 3)
    assert [text(answer) for answer in found] == ["dice 0", "dice 1", "dice 2"]
    replaying.close()
    assert searched == ["once"]


def test_choices_have_seeds_that_follow_each_other(replay: Callable[..., Replay]) -> None:
    replaying = replay()
    seeded = replaying.answers([request_for("dice", temperature=1, seed=7)], 3)
    assert [text(answer) for answer in seeded] == ["dice 7", "dice 8", "dice 9"]
    unseeded = request_for("dice", temperature=1)
    assert [text(a) for a in replaying.answers([unseeded], 2)] == ["dice 0", "dice 1"]
    assert [text(a) for a in replaying.answers([unseeded], 2)] == ["dice 2", "dice 3"]


def test_one_missing_choice_is_a_miss(replay: Callable[..., Replay]) -> None:
    request = request_for("dice", temperature=1, seed=7)
    finished(replay().answers([request], 1)[0])
    for answer in replay(Mode.REPLAY).answers([request], 2):
        assert isinstance(finished(answer).error, RecordingNotFound)


def test_greedy_choices_are_one_answer(replay: Callable[..., Replay], engine: EchoEngine) -> None:
    answers = replay().answers([request_for()], 4)
    assert {text(answer) for answer in answers} == {"hello there"}
    assert engine.runs == 1
