"""What the README shows is executed; what it lists is what the code has."""

import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from benchmarks import results
from slmtape.generation import Mode
from slmtape.nearest import differences
from slmtape.protocols.openai import chat_body, responses_body
from slmtape.protocols.openai.wire import Treatment
from tests.support import CASSETTES, ROOT, request_for

README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The README's code blocks in a language."""
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def generated(name: str) -> str:
    """What stands between the markers of a generated part."""
    found = re.search(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", README, re.DOTALL)
    assert found
    return found[1]


@pytest.mark.parametrize("number", range(len(blocks("python"))))
def test_an_example_passes_in_ci(number: int, tmp_path: Path) -> None:
    shutil.copytree(CASSETTES, tmp_path / "cassettes")
    (tmp_path / "test_example.py").write_text(blocks("python")[number], encoding="utf-8")
    run = subprocess.run(
        [sys.executable, "-W", "error", "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env={"CI": "true", "PATH": ""},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "1 passed" in run.stdout


def test_there_are_examples_for_pytest_unittest_and_the_environment() -> None:
    assert len(blocks("python")) == 3


def test_ci_runs_the_second_of_the_two_commands() -> None:
    _, second = blocks("sh")
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    commands = [line for line in script.splitlines()[3:] if line]
    assert commands == ['cd "$(dirname "$0")/.."', second.strip()]


def test_all_record_modes_are_explained() -> None:
    explained = re.findall(r"^\| `(\w+)` \|", README.split("## Record modes")[1], re.MULTILINE)
    assert explained[: len(Mode)] == [mode.value for mode in Mode]


@pytest.mark.parametrize(
    ("name", "fields"),
    [("fields", chat_body.FIELDS), ("response-fields", responses_body.FIELDS)],
    ids=["chat completions", "responses"],
)
def test_the_table_of_fields_is_the_one_that_the_code_uses(
    name: str, fields: Mapping[str, Treatment]
) -> None:
    assert generated(name) == table(fields)


def table(fields: Mapping[str, Treatment]) -> str:
    lines = ["| what is done | fields |", "|---|---|"]
    for treatment in Treatment:
        names = ", ".join(f"`{name}`" for name, what in fields.items() if what is treatment)
        lines.append(f"| {treatment.value} | {names} |")
    return "\n".join(lines) + "\n"


def test_the_table_of_measurements_is_the_last_one_that_was_measured() -> None:
    figures = results.read(ROOT / "benchmarks" / "results.json")
    assert generated("benchmarks") == results.markdown(figures)
    assert len(figures) > 15


def test_the_report_of_a_miss_reads_as_shown() -> None:
    shown = "What is the capital of France"
    [line] = differences(request_for(f"{shown}?"), request_for(shown))
    assert f"  {line}\n" in README
