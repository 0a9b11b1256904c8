"""The one decision: replay what is recorded, or generate and record it."""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
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

_AT_ONCE = 4
"""Answers of one call that are given at once at most: they leave room for other calls."""

_Work = Callable[[Answer], Result]
_New = dict[str, tuple[Answer, _Work]]
"""Answers by key that are wanted and were not begun yet, and what gives each."""


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
        self._unfinished: set[Answer] = set()
        self._threads: set[threading.Thread] = set()
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
            new: _New = {}
            try:
                wanted = [
                    answer for request in requests for answer in self._seeded(request, n, new)
                ]
                if self._mode in _REPLAYING:
                    # One that is missing is a miss: better told than after half of the answer.
                    missing = [answer for answer in wanted if not answer.replayed]
                    wanted = missing[:1] * len(wanted) or wanted
                begun = new.keys() & {answer.key for answer in wanted}
                self._begin([new[where] for where in new if where in begun])
            finally:
                for answer, _ in new.values():
                    if answer not in self._unfinished:
                        answer.give_up("Another answer to the same call is missing.")
            return wanted

    def close(self) -> None:
        """Stop whatever is being generated, as `forget` does; nothing more is answered."""
        with self._lock:
            self._closed = True
        self.forget()

    def forget(self) -> None:
        """Begin anew: nothing of what is being generated is recorded, and seeds start at 0."""
        with self._lock:
            self._unseeded.clear()
            answers, threads = list(self._unfinished), list(self._threads)
        for answer in answers:
            answer.give_up("The server was stopped.")
        for thread in threads:
            thread.join()

    def _seeded(self, request: Request, n: int, new: _New) -> list[Answer]:
        """An answer for each that is wanted, each with the seed that makes it repeatable."""
        if isinstance(request, EmbeddingRequest) or not request.samples:
            return [self._answer(request, new)] * n
        if request.seed is not None:
            first = request.seed
            return [self._answer(replace(request, seed=first + index), new) for index in range(n)]
        seeds = self._unseeded.setdefault(request, _Seeds())
        answers = []
        for _ in range(n):
            seed = seeds.free()
            answers.append(self._answer(replace(request, seed=seed), new))
            seeds.take(seed, answers[-1])
        return answers

    def _answer(self, request: Request, new: _New) -> Answer:
        """The answer that is recorded or on its way, or else one more of the new ones."""
        where = key(request)
        if where in new:
            return new[where][0]
        under_way = self._under_way.get(where)
        if under_way and not under_way.abandoned:
            return under_way
        recorded = None
        if self._store and self._mode in (Mode.AUTO, *_REPLAYING):
            recorded = self._store.get(where)
        if recorded is None:
            answer = Answer(request, where, source="model")
            new[where] = answer, self._miss if self._mode in _REPLAYING else self._generate
        elif self._mode is Mode.VERIFY:
            answer = Answer(request, where, source="cassette")
            new[where] = answer, self._verify
        else:
            answer = complete(request, where, recorded, "cassette")
        return answer

    def _begin(self, new: Sequence[tuple[Answer, _Work]]) -> None:
        """Have answers given, a few at once, each thread one after the other. The lock is held."""
        waiting = iter(new)
        threads = [
            threading.Thread(target=self._give, args=(waiting,), name="slmtape", daemon=True)
            for _ in new[:_AT_ONCE]
        ]
        for thread in threads:
            try:
                thread.start()  # it finishes nothing before the lock is free
            except RuntimeError as error:
                if thread is threads[0]:
                    raise EngineError(f"No answer can be generated: {error}.") from error
                break
            self._threads.add(thread)
        self._unfinished.update(answer for answer, _ in new)
        self._under_way.update((answer.key, answer) for answer, _ in new)

    def _give(self, waiting: Iterator[tuple[Answer, _Work]]) -> None:
        for answer, work in waiting:
            self._finish(answer, work)
        with self._lock:
            self._threads.remove(threading.current_thread())

    def _finish(self, answer: Answer, work: _Work) -> None:
        outcome: Result | SlmtapeError
        try:
            answer.say(Piece())  # nobody may want it any more
            outcome = work(answer)
        except SlmtapeError as error:
            outcome = error
        except Exception as error:
            logger.exception("answering failed")
            outcome = EngineError(f"Answering failed: {type(error).__name__}: {error}")
        with self._lock:
            self._unfinished.remove(answer)
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
