"""The one decision: replay what is recorded, or generate and record it."""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NoReturn

from slmtape import generating
from slmtape.answers import Answer, complete, pieces
from slmtape.errors import (
    EngineError,
    ModelError,
    RecordingChanged,
    RecordingNotFound,
    ServerStopped,
    SlmtapeError,
)
from slmtape.generation import (
    EmbeddingRequest,
    Engine,
    GenerationRequest,
    Piece,
    Recording,
    Request,
    Result,
    Store,
)
from slmtape.keys import key
from slmtape.modes import Mode
from slmtape.nearest import differences, nearest
from slmtape.verify import Outcome, Verdict, unverifiable, verify

logger = logging.getLogger("slmtape")


class Replay:
    """Answers requests from a store, an engine, or both, as the mode says.

    `engine` returns the engine for a served model's name; it is called at the first miss. While it
    waits for the model, it calls what it is given: that raises where nobody wants it any more.
    `remedy` says how to have a missing request recorded, `place` where recordings are. `changed` is
    told of recordings that are no longer what the model says, which their clients get all the same.
    """

    def __init__(
        self,
        *,
        mode: Mode,
        store: Store | None,
        engine: Callable[[str, Callable[[], object]], Engine],
        remedy: Callable[[], str],
        place: str = "",
        changed: Callable[[RecordingChanged], object] = lambda _: None,
    ) -> None:
        self._mode = mode
        self._store = store
        self._engine = engine
        self._remedy = remedy
        self._place = place
        self._changed = changed
        self._unseeded: dict[GenerationRequest, _Seeds] = {}
        self._under_way: dict[str, Answer] = {}
        self._threads: dict[Answer, threading.Thread] = {}
        self._lock = threading.Lock()
        self._explaining = threading.Lock()
        self._closed = False

    def answers(self, requests: Sequence[Request], n: int) -> Sequence[Answer]:
        """`n` answers to each request, one request's after the other's.

        Each is finished already, or on its way.
        """
        with self._lock:
            if self._closed:
                raise ServerStopped("The server has been stopped.")
            answers = [answer for request in requests for answer in self._seeded(request, n)]
        if self._mode in _REPLAYING:
            # One choice that is missing is a miss: better told than after half of the answer.
            missing = [answer for answer in answers if not answer.replayed]
            return missing[:1] * len(answers) or answers
        return answers

    def close(self) -> None:
        """Stop whatever is being generated; nothing of it is recorded."""
        with self._lock:
            self._closed = True
            threads = dict(self._threads)
        for answer in threads:
            answer.give_up("The server was stopped.")
        for thread in threads.values():
            thread.join()

    def _seeded(self, request: Request, n: int) -> list[Answer]:
        """An answer for each that is wanted, each with the seed that makes it repeatable."""
        if isinstance(request, EmbeddingRequest) or not request.samples:
            return [self._answer(request)] * n
        if request.seed is not None:
            first = request.seed
            return [self._answer(replace(request, seed=first + index)) for index in range(n)]
        seeds = self._unseeded.setdefault(request, _Seeds())
        answers = []
        for _ in range(n):
            seed = seeds.free()
            answers.append(self._answer(replace(request, seed=seed)))
            seeds.take(seed, answers[-1])
        return answers

    def _answer(self, request: Request) -> Answer:
        where = key(request)
        under_way = self._under_way.get(where)
        if under_way and not under_way.abandoned:
            return under_way
        recorded = None
        if self._store and self._mode in (Mode.AUTO, *_REPLAYING):
            recorded = self._store.get(where)
        if recorded is None:
            work = self._miss if self._mode in _REPLAYING else self._generate
            return self._begin(Answer(request, where, source="model"), work)
        if self._mode is Mode.VERIFY:
            return self._begin(Answer(request, where, source="cassette"), self._verify)
        return complete(request, where, recorded, "cassette")

    def _begin(self, answer: Answer, work: Callable[[Answer], Result]) -> Answer:
        """Have it answered in a thread of its own. The lock is held."""
        where = answer.key
        thread = threading.Thread(
            target=self._finish, args=(answer, work), name=f"slmtape-{where}", daemon=True
        )
        try:
            thread.start()  # it ends only after the lock that is held here
        except RuntimeError as error:
            raise EngineError(f"No answer can be generated: {error}.") from error
        self._under_way[where] = answer
        self._threads[answer] = thread
        return answer

    def _finish(self, answer: Answer, work: Callable[[Answer], Result]) -> None:
        outcome: Result | SlmtapeError
        try:
            outcome = work(answer)
        except SlmtapeError as error:
            outcome = error
        except Exception as error:
            logger.exception("answering failed")
            outcome = EngineError(f"Answering failed: {type(error).__name__}: {error}")
        with self._lock:
            del self._threads[answer]
            if self._under_way.get(answer.key) is answer:
                del self._under_way[answer.key]
        answer.finish(outcome)

    def _generate(self, answer: Answer) -> Result:
        """Have the engine answer, and record what it said."""
        request = answer.request
        engine = self._engine(request.model, lambda: answer.say(Piece()))
        result = generating.answer(engine, request, answer.say)
        if self._store and self._mode is not Mode.LIVE:
            self._store.put(generating.recording(engine, request, result))
        return result

    def _verify(self, answer: Answer) -> Result:
        """Have the engine answer, and compare. What is said is what was recorded."""
        found = self._store.recording(answer.key) if self._store else None
        if found is None:  # deleted a moment ago
            self._miss(answer)
        where, recording = found
        answer.verdict = verdict = self._verdict(recording, lambda: answer.say(Piece()))
        if verdict.outcome is Outcome.CHANGED:
            self._changed(_changed(where, verdict))
        elif verdict.outcome is Outcome.CANNOT_TELL:
            logger.warning("can't tell of %s:\n%s", where, "\n".join(verdict.lines()))
        for piece in pieces(recording.result):
            answer.say(piece)
        return recording.result

    def _verdict(self, recording: Recording, waiting: Callable[[], None]) -> Verdict:
        try:
            engine = self._engine(recording.request.model, waiting)
        except ModelError as error:
            return unverifiable(error)
        return verify(recording, engine, lambda _: waiting())

    def _miss(self, answer: Answer) -> NoReturn:
        """Say what is recorded instead. Looking through thousands of recordings takes a while."""
        request, where = answer.request, answer.key
        with self._explaining:  # it keeps a core busy, which answers need as well
            closest = nearest(request, self._store.requests() if self._store else {})
        said = [f"No recording answers this request (key {where}, model {request.model!r})."]
        if closest is None:
            said.append(f"Nothing is recorded in {self._place}." if self._place else "")
        else:
            said.append(f"The nearest is {closest[0]}, which differs in (recorded → asked):")
            said.extend(f"  {line}" for line in differences(request, closest[1]))
        said.append(self._remedy())
        raise RecordingNotFound("\n".join(said), key=where, nearest=closest[0] if closest else None)


_REPLAYING = (Mode.REPLAY, Mode.VERIFY)
"""Modes that record nothing, so that a request without a recording has no answer."""


class _Seeds:
    """Seeds for equal requests without one: 0, 1, 2 … in the order in which they are answered.

    A request that was given up or failed gives its seed back, so that a client's second try gets
    the answer that its first would have got.
    """

    def __init__(self) -> None:
        self._next = 0
        self._open: dict[int, Answer] = {}

    def free(self) -> int:
        """The lowest seed that no answer has or will have."""
        self._open = {seed: answer for seed, answer in self._open.items() if not answer.result}
        given_back = (seed for seed, a in self._open.items() if a.error or a.abandoned)
        return min(given_back, default=self._next)

    def take(self, seed: int, answer: Answer) -> None:
        """This answer has the seed."""
        self._open[seed] = answer
        self._next = max(self._next, seed + 1)


def _changed(where: str, verdict: Verdict) -> RecordingChanged:
    lines = [
        f"{where} is no longer what the model says.",
        *verdict.lines(),
        "If that is as it should be, replace it: run this once in mode 'rewrite'.",
    ]
    differences = [str(difference) for difference in verdict.differences]
    return RecordingChanged("\n".join(lines), recording=where, differences=differences)
