"""What holds for every client: nothing leaves this machine, and a missing library is told."""

import subprocess
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.wire.libraries import LIBRARIES
from tests.wire.loopback import only_loopback
from tests.wire.programs import QUIET, Said, node, openai2, plugins

collect_ignore = [file for file, library in LIBRARIES.items() if find_spec(library) is None]
"""Without its library a file can't be imported; `test_libraries.py` fails in its place."""


@pytest.fixture(autouse=True)
def _nothing_leaves_this_machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Telemetry is off, and a client that connects to anything but loopback fails its test."""
    for name, value in QUIET.items():
        monkeypatch.setenv(name, value)
    with only_loopback() as refused:
        yield
    assert refused == []


@pytest.fixture(scope="module")
def run_node(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Said]:
    """Runs a program of the folder `node`."""
    assert pytestconfig.cache is not None
    cache = pytestconfig.cache
    return lambda program: node(program, cache, tmp_path_factory.mktemp("node"))


@pytest.fixture(scope="module")
def run_openai2(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Said]:
    """Runs a program of the folder `openai2`."""
    assert pytestconfig.cache is not None
    cache = pytestconfig.cache
    return lambda program: openai2(program, cache, tmp_path_factory.mktemp("openai2"))


@pytest.fixture
def run_plugins(
    pytestconfig: pytest.Config, tmp_path: Path
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the suite of the folder `plugins` in the folder `tmp_path`."""
    assert pytestconfig.cache is not None
    cache = pytestconfig.cache
    return lambda *arguments: plugins(cache, tmp_path, *arguments)
