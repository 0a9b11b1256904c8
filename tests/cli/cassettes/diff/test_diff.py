"""`slmtape cassettes diff`."""

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import click.testing
import pytest

from slmtape.cli import main
from slmtape.stores.cassettes.store import CassetteStore
from tests.support import recording_for, request_for

FRANCE = "What is the capital of France"


def run(*arguments: str, columns: int = 80) -> click.testing.Result:
    runner = click.testing.CliRunner(env={"COLUMNS": str(columns)})
    return runner.invoke(main, ["cassettes", "diff", *arguments])


def changed(*arguments: str) -> list[Any]:
    """What changed, from JSON."""
    told: list[Any] = json.loads(run(*arguments, "--json").stdout)["changes"]
    return told


def record(folder: Path, text: str, *answer: str) -> Path:
    """Where this answer is recorded now."""
    store = CassetteStore(folder)
    recording = recording_for(request_for(text), *answer)
    store.put(recording)
    found = store.recording(recording.key)
    store.close()
    assert found
    return Path(found[0]).absolute()


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    hooks = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    return subprocess.run(
        ["git", *identity, *arguments],
        cwd=folder,
        env={**os.environ, **hooks},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def commit(folder: Path) -> str:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "recorded")
    return git(folder, "rev-parse", "HEAD").strip()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository in which one recording is committed; where commands are run."""
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    record(tmp_path / "cassettes", FRANCE, "Lyon", " it is")
    commit(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_is_the_same_is_0(project: Path) -> None:
    result = run("--git", "HEAD")
    assert (result.exit_code, result.stdout) == (0, "No recording differs.\n")


def test_a_change_is_told_word_by_word_and_is_1(project: Path) -> None:
    path = record(project / "cassettes", FRANCE, "Paris", " it is")
    result = run("--git", "HEAD")
    name = path.relative_to(project / "cassettes")
    assert result.exit_code == 1
    assert result.stdout == (
        f"{name}: changed\n  answer\n    text: [-Lyon-]{{+Paris+}} it is\n\n"
        "1 recording: 1 changed.\n"
    )


def test_a_request_that_changed_is_told_beside_its_answer(project: Path) -> None:
    before = next((project / "cassettes").rglob("*.json"))
    before.unlink()
    after = record(project / "cassettes", f"{FRANCE}?", "Lyon", " it is")
    result = run("--git", "HEAD")
    assert result.stdout == (
        f"echo/{before.name} → echo/{after.name}: re-recorded\n"
        "  request\n"
        "    messages[0].content: What is the capital of France{+?+}\n"
        "  The answer is the same.\n\n"
        "1 recording: 1 re-recorded.\n"
    )


def test_two_commits_are_compared(project: Path) -> None:
    record(project / "cassettes", "and now", "something else")
    commit(project)
    record(project / "cassettes", "not committed")
    for arguments in (["HEAD~1", "HEAD"], ["HEAD~1", "HEAD", "cassettes"], ["HEAD~1..HEAD"]):
        result = run("--git", *arguments)
        assert result.stdout.endswith("\n1 recording: 1 added.\n"), arguments
        assert "asked: and now\n  text: something else" in result.stdout
    assert run("--git", "HEAD~1").stdout.endswith("\n2 recordings: 2 added.\n")


def test_three_dots_tell_what_a_branch_changed(project: Path) -> None:
    git(project, "switch", "--quiet", "--create", "mine")
    record(project / "cassettes", "of the branch")
    commit(project)
    git(project, "switch", "--quiet", "main")
    record(project / "cassettes", "of the main branch")
    commit(project)
    for revision in ("main...mine", "main...HEAD"):
        git(project, "switch", "--quiet", "mine")
        result = run("--git", revision)
        assert result.stdout.endswith("\n1 recording: 1 added.\n")
        assert "of the branch" in result.stdout


def test_a_directory_that_was_not_there_was_empty(project: Path) -> None:
    record(project / "new" / "deeper", "hello")
    result = run("--git", "HEAD", "new/deeper")
    assert result.stdout.endswith("\n1 recording: 1 added.\n")
    first = git(project, "rev-list", "--max-parents=0", "HEAD").strip()
    assert run("--git", first, "gone").exit_code == 0


def test_a_directory_that_is_no_more_is_empty(project: Path) -> None:
    next((project / "cassettes").rglob("*.json")).unlink()
    for path in (project / "cassettes").iterdir():
        path.rmdir() if path.is_dir() else path.unlink()
    (project / "cassettes").rmdir()
    result = run("--git", "HEAD", "cassettes")
    assert result.stdout.endswith("\n1 recording: 1 removed.\n")


@pytest.mark.skipif(os.name != "posix", reason="names of other bytes are POSIX's")
def test_names_of_any_bytes_are_read(project: Path) -> None:
    path = next((project / "cassettes").rglob("*.json"))
    for name in (b'odd \xff "name"\n\t.json', b"*.json", b"[a].json"):
        odd = Path(os.fsdecode(os.path.join(os.fsencode(path.parent), name)))  # noqa: PTH118
        path = path.rename(odd)
        commit(project)
        path.write_text(path.read_text().replace("Lyon", "Rome"))
        result = run("--git", "HEAD")
        assert (result.exit_code, result.stderr) == (1, "")
        assert "text: [-Lyon-]{+Rome+} it is" in result.stdout
        assert changed("--git", "HEAD")[0]["change"] == "changed"
        git(project, "checkout", "--quiet", ".")
    assert changed("--git", "HEAD") == []


def test_a_folder_of_an_odd_name_is_found(project: Path) -> None:
    folder = project / "my [cassettes] é"
    record(folder, "hello")
    commit(project)
    record(folder, "hello", "other")
    assert run("--git", "HEAD", str(folder)).stdout.endswith("1 recording: 1 changed.\n")


def test_it_runs_in_a_hook_of_git(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record(project / "cassettes", "hello")
    for name, value in (("GIT_DIR", ".git"), ("GIT_INDEX_FILE", ".git/index")):
        monkeypatch.setenv(name, value)
    assert run("--git", "HEAD").stdout.endswith("\n1 recording: 1 added.\n")


def test_two_directories_are_compared(project: Path) -> None:
    record(project / "one", "hello", "good day")
    record(project / "other", "hello", "good night")
    result = run("one", "other")
    assert result.exit_code == 1
    assert "text: good [-day-]{+night+}" in result.stdout
    assert run("one", "one").exit_code == 0


def test_two_recordings_are_compared_by_key_or_path(project: Path) -> None:
    one = record(project / "cassettes", "hello there", "good day")
    other = record(project / "cassettes", "hello where", "good night")
    key = other.stem.rpartition("-")[2]
    for names in ([str(one), str(other)], [str(one), key], [one.stem.rpartition("-")[2], key[:12]]):
        result = run(*names)
        assert result.exit_code == 1, result.output
        assert "messages[0].content: hello [-there-]{+where+}" in result.stdout
        assert "text: good [-day-]{+night+}" in result.stdout


def test_json_has_both_values(project: Path) -> None:
    path = record(project / "cassettes", FRANCE, "Paris")
    (project / "cassettes" / "bad.json").write_text("{")
    result = run("--git", "HEAD", "--json")
    told = json.loads(result.stdout)
    assert told["counts"] == {
        "damaged": 1,
        "changed": 1,
        "re-recorded": 0,
        "removed": 0,
        "added": 0,
    }
    damaged, changed = told["changes"]
    assert result.exit_code == 1
    key = path.stem.rpartition("-")[2]
    there = {"recording": f"echo/{path.name}", "key": key, "model": "echo"}
    assert (changed["change"], changed["before"], changed["after"]) == ("changed", there, there)
    [text] = changed["answer"]
    assert text == {"path": "text", "before": "Lyon it is", "after": "Paris"}
    assert damaged["change"] == "damaged"
    assert "it is not JSON" in damaged["after"]["problem"]


def test_nothing_breaks_out_of_the_markdown(project: Path) -> None:
    evil = "```\n</details><script>alert(1)</script>\n````"
    record(project / "cassettes", f"say {evil}", f"I say {evil}")
    record(project / "cassettes", FRANCE, "Paris", " it is")
    told = run("--git", "HEAD", "--markdown").stdout
    assert told.startswith("**2 recordings: 1 changed, 1 added.**\n\n<details>")
    assert "\n```diff\n@@ answer: text @@\n- Lyon it is\n+ Paris it is\n```\n" in told
    assert "\n`````diff\n+ asked: say ```\n+ </details>" in told
    assert told.count("\n`````\n\n</details>\n") == 1
    lines = told.split("\n")
    assert not [line for line in lines if line.startswith(("<script", "```\n</"))]


def test_markdown_is_no_longer_than_a_comment_may_be(project: Path) -> None:
    for number in range(60):
        record(project / "cassettes", f"question {number}", "word " * 80 * 5)
    told = run("--git", "HEAD", "--markdown").stdout
    assert "60 added." in told
    many = [
        replace(recording_for(request_for(f"{number} {'x ' * 450}")), made_with={})
        for number in range(80)
    ]
    store = CassetteStore(project / "cassettes")
    for one in many:
        store.put(one)
    store.close()
    told = run("--git", "HEAD", "--markdown").stdout
    assert len(told) < 65_536
    assert "for which there is no room here." in told


def test_what_would_move_the_cursor_is_shown_as_what_it_is(project: Path) -> None:
    record(project / "cassettes", "hello", "\x1b[2J gone")
    assert "text: \\x1b[2J gone" in run("--git", "HEAD").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Name two directories or two recordings"),
        (["one"], "Name two directories or two recordings"),
        (["cassettes", "gone"], "cassettes is a directory, and the other is not."),
        (["aa", "bb"], "There is no file aa, and no recording of that key in cassettes."),
        (["--git", "gone"], "git knows no commit 'gone'."),
        (["--git", "--output=x"], "git knows no commit '--output=x'."),
        (["--git", "HEAD", "a", "b", "c"], "two more arguments at most"),
        (["--git", "HEAD..HEAD", "HEAD", "cassettes"], "there is one argument, DIR"),
    ],
)
def test_a_wrong_command_is_2(project: Path, arguments: list[str], said: str) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in " ".join(result.stderr.split())


def test_where_there_is_no_repository_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.chdir(tmp_path)
    result = run("--git", "HEAD")
    assert result.exit_code == 2
    assert "not a git repository" in result.stderr
    monkeypatch.setenv("PATH", "")
    result = run("--git", "HEAD")
    assert result.exit_code == 2
    assert "git can't be run" in result.stderr
