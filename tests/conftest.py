"""Fixtures that any test may use."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from slmtape import FakeLLMServer, engines
from slmtape.engines.llamacpp.cores import cores
from tests.support import ALIASES, CASSETTES, EchoEngine, ask, chat

# A shared machine may be slow; that is not what a property test is about.
settings.register_profile(
    "slmtape",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=bool(os.environ.get("CI")),  # CI judges a change, not the day's luck
)
settings.load_profile("slmtape")


_MOST = 8
"""Processes at most: with more of them the longest test ends no sooner."""


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Tests run in as many processes as there are cores; in this one where files are named."""
    if all(Path(argument.split("::")[0]).is_file() for argument in config.args):
        return 0
    return min(cores(), _MOST)


_NAMED = ("hub", "nightly")
"""Markers of what takes gigabytes or minutes: it is run where the marker is named."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is only run where it is asked for."""
    unnamed = [marker for marker in _NAMED if marker not in config.option.markexpr]
    left = [item for item in items if any(map(item.get_closest_marker, unnamed))]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in left]


@pytest.fixture(autouse=True, scope="session")
def _ctrl_c_is_heard() -> None:
    """A shell has jobs in the background ignore it, and those have their children do so as well."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _no_mode_from_outside(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """What the caller's environment says decides only for tests that replay `cassettes/`."""
    if "tape" not in request.fixturenames:
        monkeypatch.delenv("SLMTAPE_MODE", raising=False)
        monkeypatch.delenv("CI", raising=False)


@pytest.fixture
def echo(monkeypatch: pytest.MonkeyPatch) -> EchoEngine:
    """The engine of every server that `serve` starts."""
    engine = EchoEngine()
    monkeypatch.setitem(engines.ENGINES, "echo", "tests.support:make_echo")
    monkeypatch.setattr("tests.support.make_echo", lambda path, name, max_loaded_models: engine)
    return engine


@pytest.fixture
def tape() -> Iterator[FakeLLMServer]:
    """A server with this project's own recordings; what is missing is recorded, but not in CI."""
    with FakeLLMServer(cache=CASSETTES, aliases=ALIASES) as server:
        yield server
        server.check()


@pytest.fixture
def serve(echo: EchoEngine, tmp_path: Path) -> Iterator[Callable[..., FakeLLMServer]]:
    """Starts servers that need no model, and stops them."""
    model = tmp_path / "echo.gguf"
    model.touch()
    with ExitStack() as servers:

        def start(**options: Any) -> FakeLLMServer:
            return servers.enter_context(FakeLLMServer(str(model), engine="echo", **options))

        yield start


@pytest.fixture
def recorded(serve: Callable[..., FakeLLMServer], tmp_path: Path) -> FakeLLMServer:
    """A server in mode replay, with one recording: 'say this again'."""
    cache = tmp_path / "cassettes"
    with serve(cache=cache) as server:
        ask(server.base_url, chat("say this again"))
    return serve(cache=cache, mode="replay")
