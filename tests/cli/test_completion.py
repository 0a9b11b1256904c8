"""What a shell completes, as click's own classes ask for it."""

import shutil
import subprocess
from pathlib import Path

import click.testing
import pytest
from click.shell_completion import CompletionItem, ShellComplete

from slmtape.cli import main
from tests.cli.cassettes.invoking import put, said

ONE = said("What is the capital?", "Paris.")
TWO = said("What else?", "Nothing.", model="owner/another")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    put(tmp_path / "cassettes", ONE, TWO)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def completed(*words: str, last: str = "") -> list[CompletionItem]:
    """What is offered for the last word after `slmtape` and these."""
    shell = ShellComplete(main, {}, "slmtape", "_SLMTAPE_COMPLETE")
    return shell.get_completions(list(words), last)


def values(*words: str, last: str = "") -> list[str]:
    return [item.value for item in completed(*words, last=last)]


def test_commands_are_completed() -> None:
    assert values(last="c") == ["cassettes", "completion"]
    assert values("cassettes", last="s") == ["show", "search", "stats"]


def test_keys_are_completed_with_the_words_of_their_files(project: Path) -> None:
    assert sorted(values("cassettes", "show")) == sorted([ONE.key, TWO.key])
    [item] = completed("cassettes", "show", last=ONE.key[:5])
    assert (item.value, item.help) == (ONE.key, "what-is-the-capital")
    assert values("cassettes", "show", last="zzz") == []


def test_paths_are_completed_in_place_of_keys(project: Path) -> None:
    [item] = completed("cassettes", "show", last="cassettes/e")
    assert item.type == "file"


def test_keys_are_completed_without_reading_a_file(project: Path) -> None:
    for path in project.rglob("*.json"):
        path.write_text("{")
    assert sorted(values("cassettes", "show")) == sorted([ONE.key, TWO.key])


def test_where_there_are_no_cassettes_nothing_is_offered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert values("cassettes", "show") == []
    assert values("cassettes", "list", "--model") == []


def test_models_are_completed_by_the_names_they_are_asked_by(project: Path) -> None:
    assert values("cassettes", "list", "--model") == ["echo", "owner/another"]
    assert values("cassettes", "list", "--model", last="o") == ["owner/another"]


def test_models_are_those_of_the_directory_that_is_given(project: Path) -> None:
    put(project / "others", said("Who?", "I.", model="third"))
    assert values("cassettes", "list", "others", "--model") == ["third"]


def test_directories_are_completed(project: Path) -> None:
    for command in ("list", "stats", "check"):
        [item] = completed("cassettes", command, last="ca")
        assert item.type == "dir"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_its_script(shell: str) -> None:
    result = click.testing.CliRunner().invoke(main, ["completion", shell])
    assert result.exit_code == 0
    assert f"_SLMTAPE_COMPLETE={shell}_complete" in result.stdout
    program = shutil.which(shell)
    if program:
        checked = subprocess.run([program, "-n"], input=result.stdout, text=True, check=False)
        assert checked.returncode == 0


def test_another_shell_is_wrong_use() -> None:
    assert click.testing.CliRunner().invoke(main, ["completion", "tcsh"]).exit_code == 2
