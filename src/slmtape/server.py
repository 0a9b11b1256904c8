"""`FakeLLMServer`: puts the rooms together, and is what tests hold."""

import atexit
import os
import re
import shlex
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypedDict

from slmtape import engines, models, protocols, stores
from slmtape.app import create_app
from slmtape.app.context import Context
from slmtape.calls import Calls
from slmtape.errors import CheckError, ConfigurationError, NotUsed, SlmtapeError
from slmtape.expecting import came
from slmtape.faults import Fault
from slmtape.generation import Engine, Request, Store
from slmtape.happening import Happening, Happenings
from slmtape.matching import Matcher
from slmtape.modes import Mode, decide
from slmtape.naming import named, served
from slmtape.reaction import ATTEMPTS, PATIENCE, Reaction, reaction
from slmtape.replay import Replay
from slmtape.serving import HTTPServer, listen
from slmtape.stores.held import HeldStore
from slmtape.stubs import Answering, Stub, Stubs

_MAX_BODY = 64 * 2**20


class OpenAIClientArgs(TypedDict):
    """What `OpenAI(**...)` and `AsyncOpenAI(**...)` need."""

    base_url: str
    api_key: str


class FakeLLMServer:
    """A server that speaks the OpenAI API, listening when the constructor returns.

    Args:
        model_name: a known model (see `slmtape models list`), a repository of the Hugging Face hub
            as `"owner/repo"`, `"owner/repo:file.gguf"` or `"owner/repo@revision"`, or the path of
            a `.gguf` file, which is served by its name without folder and ending. Its file is
            looked for, and downloaded, at the first miss.
        model_names: several of them, in one server. Clients say which by `model`.
        cache: the directory of recordings, made when the first recording is. Without one every
            answer is live and nothing is written.
        mode: a `Mode` or its name. If not given, `SLMTAPE_MODE`; else `replay` where `CI` is set
            and `auto` elsewhere. Without a cache: `live`.
        aliases: other names for models, such as `{"gpt-4o-mini": "smollm2-135m"}`. The key `"*"`
            stands for any name.
        preload: download and load the models now, not at the first miss. In mode `replay`, where
            there is nothing to load them for, it does nothing.
        max_loaded_models: the models that this process has in memory at most, other servers'
            included: the one that was not asked for longest makes way. None: as many as fit.
        unload: free a model's memory when the last server that has it stops. Otherwise it stays
            for the next one.
        hold: what is newly recorded stays in memory, where this server replays it, until `keep`
            writes it; `discard` forgets it. pytest's plugin does so, to keep nothing of a test that
            fails.
        engine: what generates: a name in `slmtape.engines.ENGINES`.
        host: the address to listen on.
        port: the port to listen on; 0: any that is free.
        max_body: the size in bytes above which a body is refused.
        api_key: the key that clients must send. None: any, or none at all.
        lenient: parameters that OpenAI doesn't know are let through instead of refused. Sampling
            parameters of other servers (`top_k`, `min_p`, …) are then used, and all are part of
            the key.
        media: what becomes of images, audio and files, which the model can't take in: "describe"
            puts a line in their place that names type, size and digest; "refuse" answers with an
            error.
        reasoning_content: chat completions tell what the model thought, in `reasoning_content`, as
            DeepSeek and llama.cpp do. OpenAI leaves it out. Responses have it in any case.

    Raises:
        ConfigurationError: the arguments don't fit together, or the port is taken.
        CassetteError: a recording is damaged.
        ModelError, EngineError: a model can't be preloaded.
    """

    def __init__(
        self,
        model_name: str | None = None,
        *,
        model_names: Sequence[str] = (),
        cache: str | os.PathLike[str] | None = None,
        mode: Mode | str | None = None,
        aliases: Mapping[str, str] | None = None,
        preload: bool = False,
        max_loaded_models: int | None = None,
        unload: bool = False,
        hold: bool = False,
        engine: str = "llamacpp",
        host: str = "127.0.0.1",
        port: int = 0,
        max_body: int = _MAX_BODY,
        api_key: str | None = None,
        lenient: bool = False,
        media: Literal["describe", "refuse"] = "describe",
        reasoning_content: bool = False,
    ) -> None:
        self.mode, _ = decide(mode or None, cached=cache is not None)
        self.calls = Calls()
        self._stubs = Stubs()
        self._faults = Happenings()
        self._mode_given = mode is not None
        self._models = named(model_name, model_names)
        self._engine_name = engine
        self._max_loaded_models = max_loaded_models
        self._unload = unload
        if engine not in engines.ENGINES:
            raise ConfigurationError(
                f"Unknown engine {engine!r}. Engines: {', '.join(engines.ENGINES)}."
            )
        if max_loaded_models is not None and max_loaded_models < 1:
            raise ConfigurationError("max_loaded_models is 1 at least: an answer needs a model.")
        if media not in ("describe", "refuse"):
            raise ConfigurationError(f"Unknown media {media!r}: it is 'describe' or 'refuse'.")
        self._api_key = api_key
        self._served = replace(
            served(self._models, aliases or {}),
            lenient=lenient,
            media=media,
            reasoning_content=reasoning_content,
        )
        self._failures: deque[SlmtapeError] = deque()
        self._engines: dict[str, Engine] = {}
        self._loading = threading.Lock()
        self._stopping = threading.Lock()
        self._listener = listen(host, port)
        try:
            store = stores.load("cassettes", Path(cache)) if cache is not None else None
        except BaseException:
            self._listener.close()
            raise
        self._held = HeldStore(store) if store and hold else None
        self._store: Store | None = self._held or store
        self._replay = Replay(
            mode=self.mode,
            store=self._store,
            engine=self._engine,
            remedy=self._remedy,
            place=str(cache or ""),
            changed=self._failures.append,
        )
        try:
            if preload and self.mode is not Mode.REPLAY:
                for name in self._models:
                    self._engine(name).load()
        except BaseException:
            self._listener.close()
            self._let_go()
            raise
        reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
        name = f"[{reachable}]" if ":" in reachable else reachable
        self.port: int = self._listener.getsockname()[1]
        self.base_url = f"http://{name}:{self.port}/v1"
        protocol = protocols.load("openai")
        self._protocol = protocol
        self._context = Context(
            protocol=protocol,
            served=self._served,
            replay=self._replay,
            calls=self.calls,
            stubs=self._stubs,
            faults=self._faults,
            failed=self._failures.append,
            max_body=max_body,
            headers=[(k.encode(), v.encode()) for k, v in protocol.headers.items()],
            api_key=api_key,
            memory=protocol.memory(),
        )
        self._http = HTTPServer(create_app(self._context), self._listener)
        self._stopped = False
        atexit.register(self.stop)

    def openai_client_args(self) -> OpenAIClientArgs:
        """The arguments that make `OpenAI` or `AsyncOpenAI` ask this server."""
        return {"base_url": self.base_url, "api_key": self._api_key or "slmtape"}

    def stub(
        self,
        answer: Answering,
        *,
        user: str | re.Pattern[str] | None = None,
        model: str | None = None,
        when: Callable[[Request], bool] | None = None,
        times: int | None = None,
        tools: Sequence[Mapping[str, Any]] = (),
        optional: bool = False,
    ) -> Stub:
        """Have requests answered by the test, before any recording and any model.

        Of several stubs that fit a request, the first answers. Nothing of it is recorded.

        Args:
            answer: a text or a `Reply`; a list of them, which are given one after the other; or a
                function of the request that returns one, or None where it has none.
            user: what the user said last has this in it, or a match of this pattern.
            model: the name of the model that the client asks for, or of the one it stands for.
            when: says of a request whether it is meant.
            times: how often it is given at most; None: always.
            tools: definitions of tools as a request has them, which calls are checked against now.
                Against those of the request they are checked in any case, when it comes.
            optional: `check` does not mind if no request meets it.

        Raises:
            StubError: it can't be an answer.
        """
        matcher = Matcher(user, self._asked(model), when)
        stub = Stub(answer, matcher, times=times, tools=tools, optional=optional)
        self._stubs.add(stub)
        return stub

    def fault(
        self,
        fault: Fault,
        *,
        user: str | re.Pattern[str] | None = None,
        model: str | None = None,
        when: Callable[[Request], bool] | None = None,
        times: int | None = None,
        every: int = 1,
        probability: float = 1.0,
        seed: int = 0,
        optional: bool = False,
    ) -> Happening:
        """Have something go wrong, whoever answers: a stub, a recording or the model.

        Of several faults that fit a call, the first that is due happens to it. Responses that are
        made in the background meet only those that happen before an answer.

        Args:
            fault: one of `slmtape.faults`.
            user, model, when: which calls it befalls; see `stub`.
            times: how often at most; None: always.
            every: 3: every third of these calls.
            probability: by what chance, 0 to 1; the same `seed`, the same luck.
            optional: `check` does not mind if no call meets it.

        Raises:
            FaultError: it can't happen.
        """
        happening = Happening(
            fault,
            Matcher(user, self._asked(model), when),
            times=times,
            every=every,
            probability=probability,
            seed=seed,
            optional=optional,
        )
        self._faults.add(happening)
        return happening

    def check(self) -> None:
        """Raise CheckError if a request could not be answered since the last check.

        Also if a stub or a fault met no request, and in mode `verify` if a recording is no longer
        what the model says. So an application that swallows an exception can't hide a miss from its
        test. What a client did wrong is not counted: it may be what the test is about.
        """
        self._http.settle()
        failures: list[SlmtapeError] = []
        while self._failures:
            failures.append(self._failures.popleft())
        for rule in (*self._stubs, *self._faults):
            if rule.idle and not (rule.optional or rule.told):
                rule.told = True
                failures.append(
                    NotUsed(rule.what, f"{rule.idle}\n{came(rule.matcher, self.calls)}")
                )
        if failures:
            raise CheckError(failures)

    def verdict(self, *, attempts: int = ATTEMPTS, patience: float = PATIENCE) -> Reaction:
        """How the application has reacted so far to the faults that it met.

        `server.verdict().check()` fails the test where it asked again too often or too early,
        ignored `retry-after`, waited too long, or took a stream without an end for an answer.

        Args:
            attempts: how often it may ask the same, if that fails each time.
            patience: for how many seconds of silence it may wait.
        """
        self._http.settle(self._waits)
        return reaction(tuple(self.calls), attempts=attempts, patience=patience, now=time.time())

    def reset(self) -> None:
        """Be as new, but for what is recorded, so that another test can have the server.

        Calls, stubs, faults, failures, stored responses and seeds are forgotten; what is being
        generated is stopped.
        """
        self._replay.forget()
        self._context.memory = self._protocol.memory()
        self._failures.clear()
        self.calls.clear()
        self._stubs.clear()
        self._faults.clear()

    def keep(self) -> list[str]:
        """Write down what is held; where it is. Also after `stop`. Raises CassetteError."""
        if self._held is None:
            return []
        try:
            return self._held.keep()
        finally:
            if self._stopped:
                self._held.close()

    def discard(self) -> int:
        """Forget what is held; how many recordings that were."""
        return 0 if self._held is None else self._held.discard()

    def stop(self) -> None:
        """Stop listening, stop what is being generated, close what is open. Once is enough."""
        with self._stopping:
            if self._stopped:
                return
            self._stopped = True
            atexit.unregister(self.stop)
            try:
                self._replay.close()
            finally:
                try:
                    self._http.stop()
                finally:
                    self._let_go()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _asked(self, model: str | None) -> str | None:
        """A model's name, which some client can ask for."""
        if model is not None and self._served.find(model) is None:
            names = ", ".join(map(repr, self._served.names))
            raise ConfigurationError(f"No client can ask for {model!r}: served are {names}.")
        return model

    def _engine(self, name: str, waiting: Callable[[], object] = lambda: None) -> Engine:
        """The engine of a served model; see `models.find` for `waiting`."""
        if name not in self._engines:
            files = models.find(self._models[name], waiting)
            with self._loading:
                if name not in self._engines:
                    self._engines[name] = engines.load(
                        self._engine_name, files, name, self._max_loaded_models
                    )
        return self._engines[name]

    def _let_go(self) -> None:
        for engine in self._engines.values():
            engine.close(unload=self._unload)
        if self._store:
            self._store.close()

    def _waits(self) -> bool:
        """Whether a client may still wait for an answer that something befalls."""
        return any(call.fault and call.seconds is None for call in self.calls)

    def _remedy(self) -> str:
        """What to do about a miss."""
        stubs = [f"{stub}{' is used up' * stub.spent}" for stub in self._stubs]
        fits = [f"No stub fits: {'; '.join(stubs)}."] if stubs else []
        return "\n".join([*fits, self._recording()])

    def _recording(self) -> str:
        if self._mode_given:
            return "To record it, run this once with mode='auto', and commit the new file."
        test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0]
        command = f"pytest {shlex.quote(test)}" if test else "<your command>"
        return f"To record it: SLMTAPE_MODE=auto {command}\nThen commit the new file."
