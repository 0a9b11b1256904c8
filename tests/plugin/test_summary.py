"""What is told at the end of a run."""

import json
from collections.abc import Callable

import pytest

from slmtape.generation import EmbeddingResult, GenerationResult
from slmtape.plugin.estimate import seconds
from tests.plugin.conftest import Run

Recorded = Callable[[], list[str]]

TWO = """
def test_one(fake_llm_server):
    said(fake_llm_server, "one")

def test_two(fake_llm_server):
    said(fake_llm_server, "two")
"""
ONE = TWO.partition("\n\n")[0]


def test_recordings_that_nothing_replays_are_named_where_all_tests_ran(run: Run) -> None:
    run(TWO)
    result = run(ONE)
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "slmtape: 1 replayed, 0 recorded, 0 generated live, 1 unused; about 0 s of inference *",
            "  unused: no test replays",
            "    cassettes/echo/two-*.json",
        ]
    )
    result = run(ONE, "--slmtape-fail-unused")
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_recordings_that_no_test_opens_are_unused_too(run: Run) -> None:
    run(TWO)
    result = run("def test_one(): ...", "--slmtape-fail-unused")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["slmtape: *2 unused*", "*fails the run: --slmtape-fail-unused*"])


def test_a_server_that_no_fixture_made_uses_its_recordings_too(run: Run) -> None:
    run(TWO)
    result = run(
        ONE
        + """
def test_plain():
    from slmtape import FakeLLMServer
    with FakeLLMServer("echo.gguf", cache="cassettes", mode="replay") as server:
        said(server, "two", model="echo")
"""
    )
    result.stdout.fnmatch_lines(["slmtape: *, 0 unused; *"])


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["-k", "one"], "-k was given"),
        (["-m", "not slow"], "-m was given"),
        (["test_suite.py::test_one"], "only some paths were given"),
        (["--deselect", "test_suite.py::test_two"], "--deselect was given"),
    ],
)
def test_nothing_is_unused_where_only_some_tests_ran(
    run: Run, options: list[str], why: str
) -> None:
    run(TWO)
    result = run(TWO, "--slmtape-fail-unused", *options)
    assert result.ret == 0
    result.stdout.fnmatch_lines([f"  unused recordings: there is no telling, because {why}"])
    result.stdout.no_fnmatch_line("* unused;*")


@pytest.mark.parametrize(
    "first",
    ["@pytest.mark.skip\ndef test_first(): ...", "pytest.importorskip('nothing_there')"],
)
def test_nothing_is_unused_where_what_came_first_was_skipped(
    run: Run, pytester: pytest.Pytester, first: str
) -> None:
    run(TWO)
    pytester.makepyfile(test_a=f"import pytest\n{first}")
    result = run(ONE, "--slmtape-fail-unused")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*there is no telling, because test_a.py* was skipped"])


def test_nothing_is_unused_where_only_a_folders_tests_ran(
    run: Run, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(TWO)
    inner = pytester.mkdir("inner")
    (inner / "test_inner.py").write_text("def test_inner(): ...")
    monkeypatch.chdir(inner)
    result = pytester.runpytest_inprocess("-p", "slmtape.pytest_plugin", "--slmtape-fail-unused")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*there is no telling, because only some paths were given"])


@pytest.mark.parametrize("ends", ["assert False", "pytest.skip()"])
def test_nothing_is_unused_where_a_test_did_not_come_so_far(run: Run, ends: str) -> None:
    run(TWO)
    result = run(f"{ONE}\n\ndef test_two(fake_llm_server):\n    {ends}")
    result.stdout.no_fnmatch_line("* unused;*")


def test_tests_that_went_live_are_named(run: Run) -> None:
    result = run(TWO, "--slmtape-mode=live")
    result.stdout.fnmatch_lines(
        [
            "slmtape: 0 replayed, 0 recorded, 2 generated live;*",
            "  generated live, and not recorded:",
            "    test_suite.py::test_one (1)",
            "    test_suite.py::test_two (1)",
        ]
    )


def test_long_lists_are_cut(run: Run) -> None:
    result = run("""
@pytest.mark.parametrize("number", range(12))
def test_many(fake_llm_server, number):
    said(fake_llm_server, f"number {number}")
""")
    result.stdout.fnmatch_lines(["slmtape: *12 recorded*", "    ? and 2 more"])


def test_processes_lose_no_recording_and_are_summed_up_once(run: Run, recorded: Recorded) -> None:
    suite = """
@pytest.mark.parametrize("number", range(8))
def test_many(fake_llm_server, fake_llm_server_session, number):
    said(fake_llm_server, f"number {number}")
    said(fake_llm_server_session, "the same")
"""
    first = run(suite, "--slmtape-report=report.json", processes=4)
    first.assert_outcomes(passed=8)
    assert recorded() == [*(f"number-{number}" for number in range(8)), "the-same"]
    assert first.stdout.str().count("slmtape: ") == 2  # the header, and the sum
    first.stdout.fnmatch_lines(["slmtape: * replayed, 9 recorded, 0 generated live*"])
    second = run(suite, "--slmtape-mode=replay", "--slmtape-fail-unused", processes=2)
    second.assert_outcomes(passed=8)
    second.stdout.fnmatch_lines(["slmtape: 16 replayed, 0 recorded, 0 generated live, 0 unused*"])


def test_a_worker_that_crashes_is_told(run: Run) -> None:
    result = run(
        """
import os

def test_one(fake_llm_server):
    said(fake_llm_server, "one")

def test_crash():
    os._exit(3)
""",
        "--max-worker-restart=0",
        processes=2,
    )
    result.stdout.fnmatch_lines(["*of 1 workers that crashed nothing is known"])


def test_the_report_has_the_same_for_programs(run: Run, pytester: pytest.Pytester) -> None:
    run(TWO)
    run(
        ONE
        + """
def test_stubbed(fake_llm_server):
    fake_llm_server.stub("hello")
    said(fake_llm_server, "hi")
""",
        "--slmtape-report=out/report.json",
    )
    report = json.loads((pytester.path / "out" / "report.json").read_text())
    assert (report["replayed"], report["recorded"], report["live"]) == (1, [], 0)
    [unused] = report["unused"]
    assert unused.startswith("cassettes/echo/two-")
    [call] = report["tests"]["test_suite.py::test_one"]["calls"]
    assert (call["path"], call["model"]) == ("/v1/chat/completions", "gpt-5")
    assert call["answered_by"] == "cassette"
    assert len(call["keys"]) == 1
    [stubbed] = report["tests"]["test_suite.py::test_stubbed"]["calls"]
    assert (stubbed["answered_by"], stubbed["keys"]) == ("stub", [])


def test_a_report_is_written_where_no_server_was_used(run: Run, pytester: pytest.Pytester) -> None:
    run("def test_one(): ...", "--slmtape-report=report.json")
    assert json.loads((pytester.path / "report.json").read_text())["replayed"] == 0


def test_bigger_models_and_longer_texts_take_longer() -> None:
    told = GenerationResult(
        pieces=(), finish_reason="stop", prompt_tokens=160, completion_tokens=60
    )
    assert seconds(told, None) == seconds(told, 98e6) == pytest.approx(2)
    assert seconds(told, 1117e6) == pytest.approx(8, rel=0.02)
    assert seconds(EmbeddingResult(vector=(1.0,), prompt_tokens=80), None) == pytest.approx(0.5)
