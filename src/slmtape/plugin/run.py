"""One run of pytest in which servers of the plugin are used."""

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from slmtape.errors import CassetteError, CheckError, NotUsed, SlmtapeError
from slmtape.plugin import summary
from slmtape.plugin.served import only_shared
from slmtape.plugin.settings import settings
from slmtape.plugin.stash import BEGAN, LOST
from slmtape.plugin.tally import Tally

if TYPE_CHECKING:
    from slmtape.server import FakeLLMServer

_SERVERS: pytest.StashKey["list[FakeLLMServer]"] = pytest.StashKey()
_RAISED: pytest.StashKey[bool] = pytest.StashKey()
_FAILED: pytest.StashKey[bool] = pytest.StashKey()


class Run:
    """Makes servers, checks them after each test, keeps what passing tests recorded, sums up.

    It is a plugin of pytest from the first time that one is asked for.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._session: FakeLLMServer | None = None
        self.tally = Tally()
        self.unused: list[str] | None = None
        """Recordings that nothing replayed; None: there is no telling."""

    @contextmanager
    def server(self, item: pytest.Item, **given: Any) -> "Iterator[FakeLLMServer]":
        """A server for one test; `given` are arguments that come before what options say."""
        from slmtape.plugin.servers import running

        wanted = settings(self._config, item)
        arguments = wanted.arguments() | given
        if mode := self._config.option.slmtape_mode:
            arguments["mode"] = mode
        if arguments["cache"] is None and "mode" not in given:
            arguments["mode"] = None
        if "model_names" in given or "model_name" in given:
            arguments = {"model_name": None} | arguments | _aliases(given)
        with running(arguments) as server:
            self._uses(arguments)
            item.stash.setdefault(_SERVERS, []).append(server)
            yield server

    @contextmanager
    def session_server(self) -> "Iterator[FakeLLMServer]":
        """The server of all tests that share one."""
        from slmtape.plugin.servers import running

        arguments = settings(self._config).arguments()
        with running(arguments) as server:
            self._uses(arguments)
            self._session = server
            yield server

    @contextmanager
    def factory(self, item: pytest.Item) -> "Iterator[Callable[..., FakeLLMServer]]":
        """What makes servers for one test."""
        with ExitStack() as servers:

            def make(model_name: str | None = None, **given: Any) -> "FakeLLMServer":
                named = {} if model_name is None else {"model_name": model_name}
                return servers.enter_context(self.server(item, **named, **given))

            yield make

    def _uses(self, arguments: dict[str, Any]) -> None:
        if arguments["cache"] is not None:
            self.tally.directories.add(str(Path(arguments["cache"]).absolute()))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """A miss that the application swallowed fails the test."""
        if item.get_closest_marker("slmtape") and only_shared(item):
            pytest.fail(
                "slmtape: the mark is for servers of one test; fake_llm_server_session is shared.",
                pytrace=False,
            )
        result = yield
        self._fail(item)
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """A test that fails is told what could not be answered."""
        report = yield
        if call.when == "setup":  # maybe not for the first time
            item.stash[_RAISED] = item.stash[_FAILED] = False
        if call.excinfo is not None and call.when != "teardown":
            item.stash[_RAISED] = True
            told = [error.message for error in self._failures(item) if _misses(error)]
            shown = report.longreprtext
            new = [message for message in told if message.partition("\n")[0] not in shown]
            if report.failed and new:
                report.sections.append(("slmtape", "\n\n".join(new)))
        if report.failed:
            item.stash[_FAILED] = True
        return report

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, object, object]:
        """What fixtures asked while they were torn down counts as well; then all is settled."""
        kept = False
        try:
            result = yield
            if not item.stash.get(_RAISED, False):
                self._fail(item)
            kept = not item.stash.get(_FAILED, False)
        finally:
            self._settle(item, kept=kept or summary.flag(self._config, "keep-failed"))
        return result

    def _servers(self, item: pytest.Item) -> "list[FakeLLMServer]":
        shared = [self._session] if self._session else []
        return [*item.stash.get(_SERVERS, []), *shared]

    def _failures(self, item: pytest.Item) -> list[SlmtapeError]:
        """What its servers could not answer, each told once."""
        failures: list[SlmtapeError] = []
        for server in self._servers(item):
            try:
                server.check()
            except CheckError as error:
                failures += error.failures
        return failures

    def _fail(self, item: pytest.Item) -> None:
        if failures := self._failures(item):
            pytest.fail(f"slmtape: {CheckError(failures).message}", pytrace=False)

    def _settle(self, item: pytest.Item, *, kept: bool) -> None:
        """Keep or discard what was recorded for a test, and count."""
        for server in self._servers(item):
            calls = list(server.calls)
            server.reset()  # what goes on of this test is not the next one's
            if not calls:
                continue
            try:
                recorded = server.keep() if kept else []
            except CassetteError as error:
                pytest.fail(f"slmtape: {error.message}", pytrace=False)
            self.tally.test(item.nodeid).add(calls, recorded, server.discard())
        item.stash.get(_SERVERS, []).clear()

    def add_worker(self, told: dict[str, Any]) -> None:
        """The numbers of a worker of pytest-xdist."""
        self.tally.merge(told)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """A worker tells its numbers; otherwise what nobody replayed is looked for."""
        config = self._config
        self.tally.lost = config.stash.get(LOST, 0)
        self.tally.partial = self.tally.partial or summary.partial(session, exitstatus)
        if hasattr(config, "workeroutput"):
            config.workeroutput["slmtape"] = self.tally.as_dict()
            return
        if not self.tally.partial and not self.tally.lost:
            folders = {*self.tally.directories, str(settings(config).cassettes)}
            self.unused = summary.unused(sorted(folders), config.stash[BEGAN])
        if self.unused and summary.flag(config, "fail-unused"):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if path := config.option.slmtape_report:
            summary.write(config.rootpath / path, self.tally, self.unused)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """What servers did, and what is to be done."""
        for line in summary.lines(self._config, self.tally, self.unused):
            terminalreporter.write_line(line)


def _aliases(given: dict[str, Any]) -> dict[str, Any]:
    """Any name stands for the first of other models than options say, unless that is given."""
    first = [given.get("model_name"), *given.get("model_names", ())]
    return {"aliases": {"*": next(filter(None, first))} | dict(given.get("aliases", {}))}


def _misses(error: SlmtapeError) -> bool:
    return not isinstance(error, NotUsed)
