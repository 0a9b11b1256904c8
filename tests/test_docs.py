"""What the README shows is executed; what it lists is what the code has."""

import re
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

from benchmarks import results
from slmtape import faults
from slmtape.faults import Fault
from slmtape.models.catalogue import MODELS, OnHub
from slmtape.models.memory import need
from slmtape.modes import Mode
from slmtape.nearest import differences
from slmtape.protocols import Generates
from slmtape.protocols.openai import FIELDS, OPENAI
from slmtape.protocols.openai.wire import Treatment
from slmtape.pytest_plugin import FLAGS, OPTIONS, REPORT
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


def test_the_examples_pass_in_ci(tmp_path: Path) -> None:
    shutil.copytree(CASSETTES, tmp_path / "cassettes")
    examples = blocks("python")
    for number, example in enumerate(examples, 1):
        (tmp_path / f"test_example_{number}.py").write_text(example, encoding="utf-8")
    run = subprocess.run(
        [sys.executable, "-W", "error", "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env={"CI": "true", "PATH": ""},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert f"{len(examples)} passed" in run.stdout


def test_there_are_examples_of_everything_that_tests_use() -> None:
    assert len(blocks("python")) == 7


def test_the_table_of_options_is_the_one_that_the_plugin_uses() -> None:
    lines = ["| option | ini | |", "|---|---|---|"]
    for name, told in OPTIONS.items():
        lines.append(f"| `--slmtape-{name} {name.upper()}` | `slmtape_{name}` | {told} |")
    for name, told in FLAGS.items():
        lines.append(f"| `--slmtape-{name}` | `slmtape_{name.replace('-', '_')}` | {told} |")
    lines.append(f"| `--slmtape-report PATH` | | {REPORT} |")
    assert generated("options") == "\n".join([*lines, ""])


def test_every_fault_is_explained() -> None:
    explained = set(re.findall(r"^\| `(\w+)\(", generated("faults"), re.MULTILINE))
    kinds = {kind for kind in vars(faults).values() if isinstance(kind, type)}
    faulty = {kind.__name__ for kind in kinds if issubclass(kind, Fault) and "kind" in vars(kind)}
    assert explained == faulty
    for name, arguments in re.findall(r"^\| `(\w+)\((.*?)\)`", generated("faults"), re.MULTILINE):
        known = {field.name for field in fields(getattr(faults, name))}
        assert {one.strip(" =") for one in arguments.split(",") if one} <= known


def test_ci_runs_the_second_of_the_two_commands() -> None:
    _, second = blocks("sh")
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    commands = [line for line in script.splitlines()[3:] if line]
    assert commands == ['cd "$(dirname "$0")/.."', second.strip()]


def test_all_record_modes_are_explained() -> None:
    explained = re.findall(r"^\| `(\w+)` \|", README.split("## Record modes")[1], re.MULTILINE)
    assert explained[: len(Mode)] == [mode.value for mode in Mode]


def models_table() -> str:
    """What is known of each model that has a name."""
    heads = ["`model_name`", "file", "size", "memory", "context", "licence", "recommended for"]
    heads.append("compared with the file")
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for name, model in MODELS.items():
        origin = model.origin
        where = origin.repository if isinstance(origin, OnHub) else f"package {origin.package}"
        lines.append(
            f"| `{name}` | {where}, {origin.file} | {model.size / 1e6:,.0f} MB "
            f"| {need(model.shape, 8192).peak / 1e6:,.0f} MB | {model.context:,} "
            f"| {model.licence} | {model.recommended} | {'yes' if model.checked else 'no'} |"
        )
    return "\n".join([*lines, ""])


def field_table(path: str) -> str:
    """The table of what is done with the fields of an endpoint's bodies."""
    lines = [f"`POST {path}`", "", "| what is done | fields |", "|---|---|"]
    for treatment in Treatment:
        names = [f"`{name}`" for name, what in FIELDS[path].items() if what is treatment]
        lines += [f"| {treatment.value} | {', '.join(names)} |"] if names else []
    return "\n".join([*lines, ""])


def test_the_tables_of_fields_are_the_ones_that_the_code_uses() -> None:
    assert generated("fields") == "\n".join(field_table(path) for path in FIELDS)


def test_the_table_of_models_is_the_one_that_the_code_uses() -> None:
    assert generated("models") == models_table()


def test_every_endpoint_that_generates_has_a_table_of_fields() -> None:
    assert [one.path for one in OPENAI.endpoints if isinstance(one, Generates)] == list(FIELDS)


def test_the_table_of_measurements_is_the_last_one_that_was_measured() -> None:
    figures = results.read(ROOT / "benchmarks" / "results.json")
    assert generated("benchmarks") == results.markdown(figures)
    assert len(figures) > 15


def test_the_report_of_a_miss_reads_as_shown() -> None:
    shown = "What is the capital of France"
    [line] = differences(request_for(f"{shown}?"), request_for(shown))
    assert f"  {line}\n" in README
