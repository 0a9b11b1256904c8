"""The pytest plugin beside others: those for loops, order, sockets, and other recordings."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import CASSETTES
from tests.wire.programs import HERE

pytestmark = pytest.mark.wire

Run = Callable[..., subprocess.CompletedProcess[str]]

WITHOUT_CASSETTER = "-pno:cassetter"  # it and pytest-recording both have `--record-mode`
ELSEWHERE = "192.0.2.7"  # reserved for documentation: RFC 5737


def passed(ran: subprocess.CompletedProcess[str], *, tests: int, replayed: int) -> None:
    """So many tests passed, without warnings; so many answers were replayed, none was recorded."""
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert f"{tests} passed in" in ran.stdout
    assert f"slmtape: {replayed} replayed, 0 recorded" in ran.stdout


def recordings(folder: Path) -> dict[str, bytes]:
    """All that is recorded in a folder, by whichever plugin."""
    paths = [*folder.rglob("*.json"), *folder.rglob("*.yaml")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@pytest.mark.parametrize("seed", [1, 2])
def test_in_any_order_and_in_loops(run_plugins: Run, seed: int) -> None:
    files = ("plain.py", "by_asyncio.py", "by_anyio.py")
    ran = run_plugins(WITHOUT_CASSETTER, f"--randomly-seed={seed}", *files)
    passed(ran, tests=8, replayed=6)
    assert f"--randomly-seed={seed}" in ran.stdout


def test_in_loops_that_nobody_marked(run_plugins: Run) -> None:
    ran = run_plugins(WITHOUT_CASSETTER, "--asyncio-mode=auto", "by_asyncio_auto.py")
    passed(ran, tests=2, replayed=2)


@pytest.mark.parametrize(
    "options",
    [
        ["--disable-socket"],
        ["--disable-socket", f"--allow-hosts={ELSEWHERE}"],
        ["--block-network"],
        ["--block-network", f"--allowed-hosts={ELSEWHERE}"],
    ],
    ids=" ".join,
)
def test_where_the_network_is_blocked_only_servers_are_reached(
    run_plugins: Run, options: list[str]
) -> None:
    passed(run_plugins(WITHOUT_CASSETTER, *options, "kept_off.py"), tests=5, replayed=4)


def test_a_server_that_no_fixture_made_is_reached_where_that_is_allowed(run_plugins: Run) -> None:
    sockets = ("--disable-socket", "--allow-hosts=127.0.0.1")
    network = ("--block-network", "--allowed-hosts=127.0.0.1")
    ran = run_plugins(WITHOUT_CASSETTER, *sockets, *network, "own.py")
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("mode", ["none", "new_episodes"])
@pytest.mark.parametrize("plugin", ["recording", "cassetter"])
def test_no_other_cassette_has_our_calls(
    run_plugins: Run, tmp_path: Path, plugin: str, mode: str
) -> None:
    other = {"recording": "cassetter", "cassetter": "recording"}[plugin]
    modes = (f"--record-mode={mode}", "--slmtape-mode=replay")
    ran = run_plugins("-p", f"no:{other}", *modes, f"by_{plugin}.py")
    passed(ran, tests=2, replayed=2)
    before = recordings(CASSETTES) | recordings(HERE / "plugins" / "cassettes")
    assert recordings(tmp_path / "cassettes") == before


def test_a_miss_that_was_swallowed_fails_its_test(run_plugins: Run) -> None:
    ran = run_plugins(WITHOUT_CASSETTER, "swallowing.py")
    assert "1 failed" in ran.stdout
    assert "No recording answers this request" in ran.stdout
