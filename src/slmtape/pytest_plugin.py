"""The pytest plugin: fixtures, a mark, options. What is more is imported when it is used.

Every run of pytest where slmtape is installed imports this file, so it imports nothing heavy.
"""

import os
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pytest

from slmtape.plugin.neighbours import neighbours
from slmtape.plugin.stash import BEGAN, DESELECTED, LOST, SKIPPED

if TYPE_CHECKING:
    from slmtape.plugin.run import Run
    from slmtape.server import FakeLLMServer

OPTIONS = {
    "mode": "The record mode: auto, replay, live, rewrite or verify.",
    "cassettes": "The directory of recordings, relative to rootdir (cassettes).",
    "model": "The model that answers (smollm2-135m).",
}
"""Options with a value, of which each is an ini option as well."""

FLAGS = {
    "fail-unused": "Fail the run where recordings were not replayed and all tests ran.",
    "keep-failed": "Keep also what failing tests newly recorded.",
}
"""Options without a value, of which each is an ini option as well."""

REPORT = "Write what was replayed and recorded as JSON."

_RUN: pytest.StashKey["Run"] = pytest.StashKey()
_MODE_BEFORE: pytest.StashKey[str | None] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--slmtape-mode` and so on, and their ini equivalents."""
    group = parser.getgroup("slmtape", "slmtape: a fake LLM server")
    for name, told in OPTIONS.items():
        group.addoption(f"--slmtape-{name}", metavar=name.upper(), help=told)
        parser.addini(f"slmtape_{name}", told)
    for name, told in FLAGS.items():
        group.addoption(f"--slmtape-{name}", action="store_true", help=told)
        parser.addini(f"slmtape_{name.replace('-', '_')}", told, type="bool", default=False)
    group.addoption("--slmtape-report", metavar="PATH", help=REPORT)


def pytest_configure(config: pytest.Config) -> None:
    """The mark is known; the command line's mode also holds for servers that tests start."""
    config.addinivalue_line(
        "markers",
        "slmtape(model, mode, cassettes, aliases): how the fixture fake_llm_server is made",
    )
    config.stash[BEGAN] = time.time()
    for neighbour in neighbours(config):
        config.pluginmanager.register(neighbour)
    if os.environ.get("SLMTAPE_MODE") or config.option.slmtape_mode:
        from slmtape.plugin.settings import settings

        settings(config)  # a wrong mode is told once
    if mode := config.option.slmtape_mode:
        config.stash[_MODE_BEFORE] = os.environ.get("SLMTAPE_MODE")
        os.environ["SLMTAPE_MODE"] = mode
    if (
        config.option.slmtape_report
        or config.option.slmtape_fail_unused
        or config.getini("slmtape_fail_unused")
    ):
        _run(config)


def pytest_unconfigure(config: pytest.Config) -> None:
    """The environment is as it was."""
    if _MODE_BEFORE in config.stash:
        before = config.stash[_MODE_BEFORE]
        os.environ.pop("SLMTAPE_MODE", None)
        if before is not None:
            os.environ["SLMTAPE_MODE"] = before


def pytest_report_header(config: pytest.Config) -> str:
    """The mode, and why it is that; where recordings are; which model answers."""
    from slmtape.plugin.settings import settings

    return settings(config).header


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    """Not all tests run: what they would replay is not unused."""
    for item in items[:1]:
        item.config.stash[DESELECTED] = True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What a test that is skipped would replay is not unused."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        item.config.stash[SKIPPED] = item.nodeid
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same of a file."""
    report = yield
    if not report.passed:
        collector.config.stash[SKIPPED] = collector.nodeid
    return report


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """A worker of pytest-xdist has ended: its numbers are added up here."""
    told = getattr(node, "workeroutput", {}).get("slmtape")
    if told:
        _run(node.config).add_worker(told)
    elif error:
        node.config.stash[LOST] = node.config.stash.get(LOST, 0) + 1


def _run(config: pytest.Config) -> "Run":
    """What is known of this run, from the first time that anything is to be known."""
    if _RUN not in config.stash:
        from slmtape.plugin.run import Run

        config.stash[_RUN] = Run(config)
        config.pluginmanager.register(config.stash[_RUN], "slmtape-run")
    return config.stash[_RUN]


@pytest.fixture
def fake_llm_server(request: pytest.FixtureRequest) -> "Iterator[FakeLLMServer]":
    """A new fake LLM server for this test, as options and the mark `slmtape` say.

    It has recordings in `cassettes` and answers to any model's name. After the test `check()` runs,
    and what was newly recorded is kept if the test passed.
    """
    with _run(request.config).server(request.node) as server:
        yield server


@pytest.fixture(scope="session")
def fake_llm_server_session(request: pytest.FixtureRequest) -> "Iterator[FakeLLMServer]":
    """One fake LLM server for all tests that ask for it, as options say.

    After each of them `check()` runs, what was recorded is kept if it passed, and the server's
    calls, stubs and faults are forgotten.
    """
    with _run(request.config).session_server() as server:
        yield server


@pytest.fixture
def fake_llm_server_factory(
    request: pytest.FixtureRequest,
) -> "Iterator[Callable[..., FakeLLMServer]]":
    """Makes fake LLM servers that stop after the test, from arguments of `FakeLLMServer`.

    What is not given is as options and the mark `slmtape` say.
    """
    with _run(request.config).factory(request.node) as make:
        yield make


@pytest.fixture
def fake_llm_server_env(
    fake_llm_server: "FakeLLMServer", monkeypatch: pytest.MonkeyPatch
) -> "FakeLLMServer":
    """The fixture `fake_llm_server`, where the environment says to ask it, also to subprocesses.

    `OPENAI_BASE_URL` and `OPENAI_API_KEY` are set for the test.
    """
    arguments = fake_llm_server.openai_client_args()
    monkeypatch.setenv("OPENAI_BASE_URL", arguments["base_url"])
    monkeypatch.setenv("OPENAI_API_KEY", arguments["api_key"])
    return fake_llm_server
