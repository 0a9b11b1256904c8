"""What fixtures, the mark and options make of servers."""

import os
from collections.abc import Callable

import pytest

from tests.plugin.conftest import Run

Recorded = Callable[[], list[str]]


def test_a_server_records_and_the_next_run_replays(run: Run, recorded: Recorded) -> None:
    suite = """
def test_one(fake_llm_server):
    assert said(fake_llm_server, "hello there") == "hello there"
"""
    first = run(suite)
    first.assert_outcomes(passed=1)
    first.stdout.fnmatch_lines(
        ["slmtape: 0 replayed, 1 recorded, 0 generated live*", "*newly recorded*", "*hello-there-*"]
    )
    assert recorded() == ["hello-there"]
    second = run(suite, "--slmtape-mode=replay")
    second.assert_outcomes(passed=1)
    second.stdout.fnmatch_lines(["slmtape: 1 replayed, 0 recorded, 0 generated live, 0 unused*"])


def test_each_test_has_a_new_server_and_a_session_has_one(run: Run) -> None:
    run("""
PORTS = []

def test_new(fake_llm_server, fake_llm_server_session):
    PORTS.append((fake_llm_server.port, fake_llm_server_session.port))
    said(fake_llm_server_session, "a")
    fake_llm_server_session.stub("x", optional=True)

def test_another(fake_llm_server, fake_llm_server_session):
    PORTS.append((fake_llm_server.port, fake_llm_server_session.port))
    assert len(set(fake[1] for fake in PORTS)) == 1
    assert not fake_llm_server_session.calls
    assert said(fake_llm_server_session, "a") == "a"
""").assert_outcomes(passed=2)


def test_a_factory_makes_more_of_them(run: Run) -> None:
    run("""
def test_many(fake_llm_server_factory, tmp_path):
    one = fake_llm_server_factory()
    other = fake_llm_server_factory(cache=tmp_path, mode="live", api_key="secret")
    assert said(one, "a") == "a"
    assert other.openai_client_args()["api_key"] == "secret"
    (tmp_path / "other.gguf").touch()
    third = fake_llm_server_factory(str(tmp_path / "other.gguf"))
    assert said(third, "b") == "b"
    assert third.calls.last.request.model == "other"
""").assert_outcomes(passed=1)


def test_a_mark_says_how_the_server_is_made(run: Run, recorded: Recorded) -> None:
    run("""
@pytest.mark.slmtape(mode="live")
class TestMarked:
    def test_live(self, fake_llm_server):
        assert fake_llm_server.mode == "live"

    @pytest.mark.slmtape(mode="auto", cassettes="elsewhere", aliases={"gpt-4o": "echo"})
    def test_nearer(self, fake_llm_server):
        assert fake_llm_server.mode == "auto"
        assert said(fake_llm_server, "a", model="gpt-4o") == "a"
        assert said(fake_llm_server, "a", model="gpt-5") == "a"

def test_elsewhere():
    import pathlib
    assert list(pathlib.Path("elsewhere").rglob("a-*.json"))
""").assert_outcomes(passed=3)
    assert recorded() == []


def test_a_mark_says_nothing_to_a_server_that_tests_share(run: Run) -> None:
    result = run("""
@pytest.mark.slmtape(mode="live")
def test_one(fake_llm_server_session): ...
""")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["slmtape: the mark is for servers of one test; *"])


def test_a_wrong_mode_is_told_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLMTAPE_MODE", "bla")
    result = run("def test_one(fake_llm_server): ...", "-q")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: slmtape: Unknown mode 'bla'. *"])
    assert len(result.stderr.lines) < 5


@pytest.mark.parametrize("mark", ["modell='x'", "'live'"])
def test_a_mark_that_says_something_else_is_an_error(run: Run, mark: str) -> None:
    result = run(f"""
@pytest.mark.slmtape({mark})
def test_one(fake_llm_server): ...
""")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*slmtape doesn't know*It has model=, mode=, cassettes=, *"])


def test_the_command_line_wins_over_mark_environment_and_ini(
    run: Run, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLMTAPE_MODE", "auto")
    with (pytester.path / "tox.ini").open("a") as ini:
        ini.write("\nslmtape_mode = rewrite\nslmtape_cassettes = from_ini\n")
    suite = """
import os

@pytest.mark.slmtape(mode="verify", cassettes="from_mark")
def test_marked(fake_llm_server, request):
    assert fake_llm_server.mode == request.config.rootpath.joinpath("expected").read_text()

def test_unmarked(fake_llm_server, request):
    if "--slmtape-mode=live" in request.config.invocation_params.args:
        assert fake_llm_server.mode == os.environ["SLMTAPE_MODE"] == "live"
    else:
        assert fake_llm_server.mode == os.environ.get("SLMTAPE_MODE", "rewrite")
"""
    expected = pytester.path / "expected"
    expected.write_text("live")
    result = run(suite, "--slmtape-mode=live", "--slmtape-cassettes=from_command_line")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["slmtape: mode live (--slmtape-mode), cassettes from_command_*"])
    assert os.environ["SLMTAPE_MODE"] == "auto"
    expected.write_text("verify")
    result = run(suite)
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["slmtape: mode auto (SLMTAPE_MODE=auto), cassettes from_ini,*"])
    monkeypatch.delenv("SLMTAPE_MODE")
    monkeypatch.setenv("CI", "true")
    result = run(suite)
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["slmtape: mode rewrite (slmtape_mode), cassettes from_ini,*"])


def test_recordings_are_where_the_command_line_says(run: Run, pytester: pytest.Pytester) -> None:
    suite = """
@pytest.mark.slmtape(cassettes="from_mark")
def test_marked(fake_llm_server):
    said(fake_llm_server, "hello")
"""
    run(suite, "--slmtape-cassettes=from_command_line").assert_outcomes(passed=1)
    assert not (pytester.path / "from_mark").exists()
    assert list((pytester.path / "from_command_line").rglob("hello-*.json"))


def test_the_header_says_why_it_replays(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    result = run("def test_one(): ...")
    result.stdout.fnmatch_lines(["slmtape: mode replay (CI is set), cassettes cassettes, model *"])


@pytest.mark.parametrize("option", ["--slmtape-mode=sometimes", "--slmtape-moode=live"])
def test_options_that_make_no_sense_are_usage_errors(run: Run, option: str) -> None:
    result = run("def test_one(): ...", option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR


def test_the_environment_points_at_the_server_also_in_subprocesses(run: Run) -> None:
    run("""
import os, subprocess, sys

def test_env(fake_llm_server_env):
    code = "import os; print(os.environ['OPENAI_BASE_URL'], os.environ['OPENAI_API_KEY'])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    arguments = fake_llm_server_env.openai_client_args()
    assert told.stdout.split() == [arguments["base_url"], arguments["api_key"]]

def test_afterwards():
    assert "OPENAI_BASE_URL" not in os.environ
""").assert_outcomes(passed=2)


def test_a_damaged_recording_is_told_without_a_traceback(
    run: Run, pytester: pytest.Pytester
) -> None:
    (pytester.mkdir("cassettes") / "bad.json").write_text("{")
    result = run("def test_one(fake_llm_server): ...")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["slmtape: cassettes/bad.json can't be used: it is not JSON*"])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_unittest_has_servers_through_a_fixture_of_its_own(run: Run) -> None:
    run("""
import unittest

@pytest.fixture
def served(request, fake_llm_server):
    request.cls.server = fake_llm_server

@pytest.mark.usefixtures("served")
class MyApplication(unittest.TestCase):
    def test_it(self):
        self.assertEqual(said(self.server, "hello"), "hello")
""").assert_outcomes(passed=1)


def test_a_run_that_does_not_use_it_imports_next_to_nothing_of_it(run: Run) -> None:
    result = run(
        """
import sys

def test_one():
    heavy = {"fastapi", "uvicorn", "pydantic", "slmtape.server", "slmtape.plugin.run"}
    assert not heavy & set(sys.modules)
""",
        processes=1,
    )
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("slmtape: *replayed*")
