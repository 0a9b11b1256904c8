"""Models in memory: each once, no more than there may be, and away when nobody needs them."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from slmtape import FakeLLMServer
from slmtape.errors import ConfigurationError
from tests.support import ask, chat

pytest.importorskip("llama_cpp", reason="needs the extra `llama`")

from slmtape.engines.llamacpp import loaded as in_memory
from slmtape.engines.llamacpp.loaded import Loaded

pytestmark = pytest.mark.live

PATIENCE = 20


class EnoughError(Exception):
    """Nobody waits any more."""


def enough() -> None:
    raise EnoughError


@pytest.fixture
def models(tiny_models: dict[str, Path]) -> list[Path]:
    return [tiny_models[name] for name in ("llama", "qwen2", "smollm3")]


@pytest.fixture
def loaded() -> Iterator[Loaded]:
    """None are in memory, and none will stay there."""
    made = Loaded()
    yield made
    for path in made.paths:
        made.hold(path)
        made.release(path, unload=True)


def use(loaded: Loaded, path: Path, most: int | None = None) -> None:
    with loaded.using(path, most):
        pass


def test_a_model_is_loaded_once_and_stays(loaded: Loaded, models: list[Path]) -> None:
    with loaded.using(models[0]) as one, loaded.using(models[0]) as other:
        assert one is other
    with loaded.using(models[0]) as again:
        assert again is one


def test_the_one_that_was_not_used_for_longest_makes_way(
    loaded: Loaded, models: list[Path]
) -> None:
    first, second, third = models
    for path in (first, second, first):
        use(loaded, path, most=2)
    assert loaded.paths == (second, first)
    use(loaded, third, most=2)
    assert loaded.paths == (first, third)


def test_one_in_use_is_waited_for_in_order(loaded: Loaded, models: list[Path]) -> None:
    done, begun = list[str](), threading.Event()

    def second() -> None:
        with loaded.using(models[1], 1, begun.set):
            done.append("second")

    with loaded.using(models[0], 1):
        thread = threading.Thread(target=second)
        thread.start()
        assert begun.wait(PATIENCE)
        with pytest.raises(EnoughError), loaded.using(models[2], 1, enough):
            pass  # who gives up is not waited for
        done.append("first")
    thread.join(PATIENCE)
    assert done == ["first", "second"]
    assert loaded.paths == (models[1],)


def test_where_memory_is_short_others_make_way(
    loaded: Loaded, models: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    use(loaded, models[0])
    monkeypatch.setattr(in_memory, "available", lambda: 1000)
    use(loaded, models[1])
    assert loaded.paths == (models[1],)


def test_a_file_that_cant_be_loaded_leaves_nothing_behind(loaded: Loaded, tmp_path: Path) -> None:
    (tmp_path / "bad.gguf").write_bytes(b"GGUF")
    for _ in range(2):
        with pytest.raises(Exception, match="can't load"):
            use(loaded, tmp_path / "bad.gguf", most=1)
    assert not loaded.paths


def test_a_model_goes_with_the_last_that_holds_it_where_one_asked_for_that(
    loaded: Loaded, models: list[Path]
) -> None:
    for path in (models[0], models[0], models[1]):
        loaded.hold(path)
        use(loaded, path)
    loaded.release(models[1], unload=False)
    loaded.release(models[0], unload=True)
    assert set(loaded.paths) == set(models[:2])
    loaded.release(models[0], unload=False)
    assert loaded.paths == (models[1],)


def test_a_model_that_is_used_goes_when_nobody_uses_it_any_more(
    loaded: Loaded, models: list[Path]
) -> None:
    loaded.hold(models[0])
    with loaded.using(models[0]):
        loaded.release(models[0], unload=True)
        assert loaded.paths == (models[0],)
    assert not loaded.paths
    use(loaded, models[0])
    assert loaded.paths == (models[0],)


def test_memory_that_was_promised_to_a_request_is_not_free_for_the_next(
    loaded: Loaded, models: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from slmtape.engines.llamacpp import contexts

    with loaded.using(models[0]) as model:
        one = model.weights.need.context(1024)
        monkeypatch.setattr(contexts, "available", lambda: one * 3 // 2)
        with model.contexts.lent((), 100, enough):
            with pytest.raises(EnoughError), model.contexts.lent((), 100, enough):
                pass
            monkeypatch.setattr(contexts, "available", lambda: one * 2)
            with model.contexts.lent((), 100, enough):
                pass


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_forked_child_goes_on_with_its_parents_weights(
    loaded: Loaded, models: list[Path]
) -> None:
    with loaded.using(models[0]) as before:
        loaded.forked()  # as a child that was forked now
        with loaded.using(models[0]) as after:
            assert after.weights is before.weights
            assert after.contexts is not before.contexts
        loaded._places[models[0]].users += 1  # the parent's use ends below


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_thread_that_has_computed_goes_on_in_a_child_that_it_forks(models: list[Path]) -> None:
    program = Path(__file__).with_name("forking.py")
    subprocess.run([sys.executable, "-P", program, models[0]], check=True, timeout=PATIENCE)


class TestServers:
    """What a server makes of it."""

    @pytest.fixture(autouse=True)
    def _alone(self, loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("slmtape.engines.llamacpp.engine.loaded", lambda: loaded)

    @pytest.fixture
    def say(self) -> Callable[[FakeLLMServer, Path], bytes]:
        def say(server: FakeLLMServer, model: Path) -> bytes:
            answer = ask(server.base_url, chat("Hi.", max_tokens=3) | {"model": model.stem})
            assert answer.status == 200
            return answer.body

        return say

    def test_a_server_keeps_to_the_most_models(
        self, loaded: Loaded, models: list[Path], say: Callable[[FakeLLMServer, Path], bytes]
    ) -> None:
        names = [str(path) for path in models]
        with FakeLLMServer(model_names=names, max_loaded_models=1) as server:
            first = [say(server, path) for path in models]
            assert loaded.paths == (models[2],)
            assert [say(server, path) for path in models] == first
        assert loaded.paths == (models[2],)

    def test_a_server_that_never_asks_loads_nothing(
        self, loaded: Loaded, models: list[Path]
    ) -> None:
        with FakeLLMServer(str(models[0])):
            assert not loaded.paths
        with FakeLLMServer(str(models[0]), preload=True):
            assert loaded.paths == (models[0],)

    def test_the_last_server_unloads_where_that_was_asked_for(
        self, loaded: Loaded, models: list[Path], say: Callable[[FakeLLMServer, Path], bytes]
    ) -> None:
        with FakeLLMServer(str(models[0])) as other:
            with FakeLLMServer(str(models[0]), unload=True) as server:
                first = say(server, models[0])
                say(other, models[0])
            assert loaded.paths == (models[0],)
        assert not loaded.paths
        with FakeLLMServer(str(models[0])) as server:
            assert say(server, models[0]) == first

    def test_no_model_at_all_is_too_few(self, models: list[Path]) -> None:
        with pytest.raises(ConfigurationError, match="max_loaded_models"):
            FakeLLMServer(str(models[0]), max_loaded_models=0)
