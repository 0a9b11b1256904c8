"""Fixtures that any test may use."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from slmtape import FakeLLMServer, engines
from tests.support import EchoEngine


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
    monkeypatch.setattr("tests.support.make_echo", lambda path, name: engine)
    return engine


@pytest.fixture
def serve(echo: EchoEngine, tmp_path: Path) -> Iterator[Callable[..., FakeLLMServer]]:
    """Starts servers that need no model, and stops them."""
    model = tmp_path / "echo.gguf"
    model.touch()
    with ExitStack() as servers:

        def start(**options: Any) -> FakeLLMServer:
            return servers.enter_context(FakeLLMServer(str(model), engine="echo", **options))

        yield start
