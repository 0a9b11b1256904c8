"""What a test is told of its servers, and what is kept of what it recorded."""

from collections.abc import Callable

import pytest

from tests.plugin.conftest import Run

Recorded = Callable[[], list[str]]


@pytest.mark.parametrize("fixture", ["fake_llm_server", "fake_llm_server_session"])
def test_a_miss_that_the_application_swallowed_fails_the_test(run: Run, fixture: str) -> None:
    run("def test_one(fake_llm_server):\n    said(fake_llm_server, 'a first text')")
    result = run(
        f"""
def test_swallowed({fixture}):
    said({fixture}, "a last text", swallow=True)

def test_next({fixture}):
    said({fixture}, "a first text")
""",
        "--slmtape-mode=replay",
    )
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(
        [
            "slmtape: one request could not be answered:",
            "The nearest is cassettes/echo/a-first-text-*, which differs in (recorded ? asked):",
            "  messages?0?.content: 'a first text' ? 'a last text'",
            "To record it: pytest --slmtape-mode=auto test_suite.py::test_swallowed",
        ]
    )
    result.stdout.no_fnmatch_line("*Traceback*")


def test_the_command_that_records_is_one_for_the_shell(run: Run) -> None:
    result = run(
        """
@pytest.mark.parametrize("text", ["a b"])
def test_one(fake_llm_server, text):
    said(fake_llm_server, text)
""",
        "--slmtape-mode=replay",
    )
    result.stdout.fnmatch_lines(["*pytest --slmtape-mode=auto 'test_suite.py::test_one[[]a b]'"])


def test_a_miss_of_a_fixture_that_is_torn_down_is_an_error(run: Run) -> None:
    result = run(
        """
@pytest.fixture
def application(fake_llm_server):
    yield
    said(fake_llm_server, "goodbye", swallow=True)

def test_one(application): ...
""",
        "--slmtape-mode=replay",
    )
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["slmtape: one request could not be answered:"])


def test_a_test_that_fails_anyway_is_told_of_misses_once(run: Run) -> None:
    result = run(
        """
def test_swallowed(fake_llm_server):
    said(fake_llm_server, "swallowed", swallow=True)
    assert 1 == 2

def test_raised(fake_llm_server):
    fake_llm_server.stub("never asked for", user="never")
    said(fake_llm_server, "raised")
""",
        "--slmtape-mode=replay",
        "-rN",
        "--tb=short",
    )
    result.assert_outcomes(failed=2)
    told = result.stdout.str()
    assert told.count("To record it: pytest") == 2
    result.stdout.fnmatch_lines(["*- slmtape -*", "No recording answers this request*"])
    assert "came to nothing" not in told


def test_stubs_and_faults_that_nothing_met_fail_the_test(run: Run) -> None:
    result = run("""
from slmtape import faults

def test_one(fake_llm_server):
    fake_llm_server.stub("x", user="never")
    fake_llm_server.fault(faults.Status(500), user="never")
    fake_llm_server.fault(faults.Status(500), user="never", optional=True)

def test_skipped(fake_llm_server):
    fake_llm_server.stub("x", user="never")
    pytest.skip("not today")

@pytest.mark.xfail(reason="known", strict=True)
def test_expected(fake_llm_server):
    fake_llm_server.stub("x", user="never")
    assert False
""")
    result.assert_outcomes(failed=1, skipped=1, xfailed=1)
    result.stdout.fnmatch_lines(
        ["slmtape: one stub came to nothing, one fault Status(500) came to nothing:"]
    )


FAILING = """
@pytest.fixture
def broken():
    yield
    raise RuntimeError

def test_passing(fake_llm_server):
    said(fake_llm_server, "kept")

def test_failing(fake_llm_server):
    said(fake_llm_server, "oops")
    assert said(fake_llm_server, "oops") == "oops"  # replayed from memory
    assert fake_llm_server.calls.last.replayed
    assert False

def test_session(fake_llm_server_session):
    said(fake_llm_server_session, "session failing")
    assert False

def test_torn_down(broken, fake_llm_server):
    said(fake_llm_server, "torn down")

def test_checked(fake_llm_server):
    fake_llm_server.stub("x", user="never")
    said(fake_llm_server, "checked")

def test_session_again(fake_llm_server_session):
    said(fake_llm_server_session, "session kept")

@pytest.mark.xfail(reason="known")
def test_expected(fake_llm_server):
    said(fake_llm_server, "expected")
    assert False
"""


def test_what_a_failing_test_recorded_is_not_kept(run: Run, recorded: Recorded) -> None:
    result = run(FAILING)
    result.assert_outcomes(failed=3, passed=3, errors=1, xfailed=1)
    assert recorded() == ["expected", "kept", "session-kept"]
    result.stdout.fnmatch_lines(["  not kept of tests that failed: 4 (--slmtape-keep-failed*"])


def test_it_is_kept_where_that_is_asked_for(run: Run, recorded: Recorded) -> None:
    run(FAILING, "--slmtape-keep-failed").assert_outcomes(failed=3, passed=3, errors=1, xfailed=1)
    assert len(recorded()) == 7


AGAIN = """
import pytest
from _pytest.runner import runtestprotocol

@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    for attempt in range(2):
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        item._initrequest()
        if all(report.passed for report in reports):
            break
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    return True
"""
"""What plugins do that run a test again when it fails."""


def test_a_test_that_passes_when_it_is_run_again_keeps_what_it_recorded(
    run: Run, recorded: Recorded, pytester: pytest.Pytester
) -> None:
    pytester.makeconftest(AGAIN)
    run("""
TRIED = []

def test_flaky(fake_llm_server):
    TRIED.append(said(fake_llm_server, f"attempt {len(TRIED)}"))
    assert len(TRIED) == 2
""").assert_outcomes(passed=1)
    assert recorded() == ["attempt-1"]


def test_a_session_server_replays_the_same_to_each_test_alone(run: Run, recorded: Recorded) -> None:
    suite = """
@pytest.mark.parametrize("number", [1, 2])
def test_dice(fake_llm_server_session, number):
    client = http.client.HTTPConnection("127.0.0.1", fake_llm_server_session.port)
    messages = [{"role": "user", "content": "dice"}]
    body = json.dumps({"model": "x", "temperature": 1, "messages": messages})
    client.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
    message = json.load(client.getresponse())["choices"][0]["message"]
    client.close()
    assert message["content"] == "dice 0"
"""
    run(suite).assert_outcomes(passed=2)
    assert recorded() == ["dice"]
    run(suite, "--slmtape-mode=replay", "-k", "2").assert_outcomes(passed=1, deselected=1)


def test_a_run_that_is_stopped_keeps_what_tests_before_had_recorded(
    run: Run, recorded: Recorded
) -> None:
    run(
        """
def test_one(fake_llm_server):
    said(fake_llm_server, "one")

def test_two(fake_llm_server):
    said(fake_llm_server, "two")
    raise KeyboardInterrupt
""",
        processes=1,
    )
    assert recorded() == ["one"]
