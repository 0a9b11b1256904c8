"""`slmtape cassettes verify`."""

import json
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click.testing
import pytest

from slmtape import engines, generating, models
from slmtape.cli import main
from slmtape.errors import EngineNotInstalled
from slmtape.generation import GenerationRequest, GenerationResult, Piece
from slmtape.stores.cassettes.files import Recorded, recordings
from slmtape.stores.cassettes.store import CassetteStore
from tests.support import CASSETTES, EchoEngine, request_for
from tests.test_verify import echoed

TEXTS = ("first words", "more words", "other words", "the end")

Run = Callable[..., click.testing.Result]


class Stopping(EchoEngine):
    """Is stopped by Ctrl-C after some answers."""

    def __init__(self) -> None:
        super().__init__()
        self.most = 1_000_000

    def generate(
        self, request: GenerationRequest, say: Callable[[Piece], None]
    ) -> GenerationResult:
        if self.runs >= self.most:
            signal.raise_signal(signal.SIGINT)
        return super().generate(request, say)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Stopping:
    """What every model is answered by."""
    engine = Stopping()
    monkeypatch.setitem(engines.ENGINES, "llamacpp", "tests.support:make_echo")
    monkeypatch.setattr("tests.support.make_echo", lambda path, name, max_loaded_models: engine)
    return engine


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Recordings of the model `echo`, which say what it says."""
    store = CassetteStore(tmp_path / "cassettes")
    for text in TEXTS:
        store.put(echoed(request_for(text)))
    store.close()
    return tmp_path / "cassettes"


@pytest.fixture
def run(folder: Path, engine: EchoEngine) -> Run:
    """Runs the command on the folder, with the model's file."""
    model = folder.parent / "echo.gguf"
    model.touch()

    def verify(*options: str, given: str = f"echo={model}") -> click.testing.Result:
        arguments = ["cassettes", "verify", str(folder), *options]
        return click.testing.CliRunner(env={"COLUMNS": "120"}).invoke(
            main, [*arguments, *(["--model", given] if given else [])]
        )

    return verify


def path_of(folder: Path, text: str) -> Path:
    """Where these words are recorded."""
    [path] = folder.rglob(f"{text.replace(' ', '-')}-*.json")
    return path


def edit(folder: Path, text: str, new: str) -> Path:
    """Put other words into the answer that is recorded."""
    path = path_of(folder, text)
    path.write_text(path.read_text().replace(f'"text": "{text}"', f'"text": "{new}"'))
    return path


def found(result: click.testing.Result) -> dict[str, Any]:
    """The outcome of each recording, from JSON, by the words it begins with."""
    told = json.loads(result.stdout)
    return {
        " ".join(Path(one["recording"]).name.split("-")[:2]): one["outcome"]
        for one in told["recordings"]
    }


def test_what_is_true_is_the_same_and_nothing_is_left_or_altered(run: Run, folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*.json")}
    result = run()
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.count(" same ") == 4
    assert result.stdout.endswith("\n4 recordings: 4 same.\n")
    assert {path: path.read_bytes() for path in folder.rglob("*.json")} == before
    assert not (folder / ".verify.tmp").exists()


def test_a_change_is_shown_and_is_the_exit_code(run: Run, folder: Path) -> None:
    path = edit(folder, "more words", "fewer words")
    result = run()
    assert result.exit_code == 1
    assert result.stdout.count(" same ") == 3
    assert (
        f"{path}: changed\nIt was edited by hand.\n"
        "The answer differs (recorded → generated):\n"
        "  text: 'fewer words' → 'more words'\n"
    ) in result.stdout
    assert result.stdout.endswith("\n4 recordings: 3 same, 1 changed.\n")


def test_json_has_all_of_it(run: Run, folder: Path, engine: EchoEngine) -> None:
    path = edit(folder, "more words", "fewer words")
    path_of(folder, "the end").write_text("{")
    engine.made = {"engine": "echo 2"}
    result = run("--json")
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert told["directory"] == folder.as_posix()
    assert told["counts"] == {"same": 2, "changed": 1, "cannot_tell": 0, "damaged": 1}
    [changed] = (one for one in told["recordings"] if one["outcome"] == "changed")
    assert changed == {
        "recording": path.as_posix(),
        "outcome": "changed",
        "key": path.stem.rpartition("-")[2],
        "model": "echo",
        "why": "It was edited by hand.",
        "differences": [{"field": "text", "recorded": "fewer words", "generated": "more words"}],
        "made_with": [{"field": "engine", "recorded": "echo", "now": "echo 2"}],
    }


def test_what_was_made_elsewhere_is_no_failure(run: Run, folder: Path, engine: EchoEngine) -> None:
    edit(folder, "more words", "fewer words")
    engine.made = {"engine": "echo", "cpu": "AVX"}
    result = run()
    assert result.exit_code == 0
    assert "What one of them was made with differs (recorded → now):" in result.stdout
    assert "  cpu: not given → 'AVX'\n" in result.stdout
    assert result.stdout.endswith("\n4 recordings: 3 same, 1 can't tell.\n")


def test_damage_is_told_by_its_file_and_the_others_are_verified(run: Run, folder: Path) -> None:
    path = path_of(folder, "more words")
    path.write_text("<<<<<<< ours")
    result = run()
    assert result.exit_code == 1
    assert f"{path} can't be used: it is not JSON: it has git's conflict markers." in result.stdout
    assert result.stdout.endswith("\n4 recordings: 3 same, 1 damaged.\n")


def test_a_model_that_is_nowhere_is_no_failure(run: Run, engine: EchoEngine) -> None:
    result = run(given="")
    assert result.exit_code == 0
    assert "Say where it is: --model echo=FILE" in result.stdout
    assert result.stdout.endswith("\n4 recordings: 4 can't tell.\n")
    assert engine.runs == 0


def test_without_recordings_there_is_nothing_to_do(tmp_path: Path) -> None:
    runner = click.testing.CliRunner()
    result = runner.invoke(main, ["cassettes", "verify", str(tmp_path)])
    assert (result.exit_code, result.stdout) == (0, f"There are no recordings in {tmp_path}.\n")


@pytest.mark.parametrize(
    ("options", "given", "words"),
    [
        (("--jobs", "0"), "", "'--jobs'"),
        ((), "echo", "'echo' is not NAME=MODEL."),
        ((), "echo=gone.gguf", "There is no file gone.gguf."),
        ((), "echo=nonsense", "Unknown model_name 'nonsense'."),
        ((), "other=smollm2-135m", "Nothing is recorded of a model 'other'. Recorded: echo."),
    ],
)
def test_wrong_use_is_told(run: Run, options: tuple[str, ...], given: str, words: str) -> None:
    result = run(*options, given=given)
    assert result.exit_code == 2
    assert words in " ".join(result.stderr.split())


def test_a_directory_that_is_not_there_is_wrong_use(tmp_path: Path) -> None:
    runner = click.testing.CliRunner()
    result = runner.invoke(main, ["cassettes", "verify", str(tmp_path / "gone")])
    assert result.exit_code == 2
    assert "does not exist" in result.stderr


def test_without_what_generating_needs_it_says_what_to_install(
    run: Run, engine: EchoEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(request: GenerationRequest, say: Callable[[Piece], None]) -> GenerationResult:
        raise EngineNotInstalled("Install it.")

    monkeypatch.setattr(engine, "generate", missing)
    result = run()
    assert (result.exit_code, result.stderr) == (1, "Error: Install it.\n")


# Stopped


def stopped(run: Run, engine: Stopping, after: int, known: int = 0) -> None:
    engine.most = after
    result = run()
    assert result.exit_code == 130
    assert f"Stopped: verified {known + after} of 4" in result.stderr
    assert result.stderr.endswith("The same command goes on from there.\n")
    assert result.stdout == ""
    engine.most, engine.runs = 1_000_000, 0


def test_the_next_run_goes_on_where_one_was_stopped(
    run: Run, folder: Path, engine: Stopping
) -> None:
    edit(folder, "first words", "edited words")
    stopped(run, engine, 2)
    result = run("--json")
    assert result.exit_code == 1
    assert "it verified 2 of 4 recordings. --restart begins anew." in result.stderr
    assert engine.runs == 2
    assert found(result) == {
        "first words": "changed",
        "more words": "same",
        "other words": "same",
        "the end": "same",
    }
    [changed] = (one for one in json.loads(result.stdout)["recordings"] if one["why"])
    assert changed["differences"][0]["generated"] == "first words"
    assert not (folder / ".verify.tmp").exists()


def test_restart_begins_anew(run: Run, engine: Stopping) -> None:
    stopped(run, engine, 3)
    result = run("--restart")
    assert (result.exit_code, result.stderr, engine.runs) == (0, "", 4)


def test_a_recording_that_changed_since_is_verified_again(
    run: Run, folder: Path, engine: Stopping
) -> None:
    stopped(run, engine, 3)
    edit(folder, "first words", "edited words")
    result = run("--json")
    assert found(result)["first words"] == "changed"
    assert engine.runs == 2


def test_with_another_engine_all_are_verified_again(run: Run, engine: Stopping) -> None:
    stopped(run, engine, 3)
    engine.made = {"engine": "echo 2"}
    assert run().exit_code == 0
    assert engine.runs == 4


def test_a_journal_that_was_cut_off_loses_its_last_line_only(
    run: Run, folder: Path, engine: Stopping
) -> None:
    stopped(run, engine, 2)
    journal = folder / ".verify.tmp"
    journal.write_bytes(journal.read_bytes()[:-40])
    stopped(run, engine, 2, known=1)
    assert run().exit_code == 0
    assert engine.runs == 1


def test_git_ignores_the_journal(run: Run, folder: Path, engine: Stopping) -> None:
    (folder / ".gitignore").unlink()
    stopped(run, engine, 1)
    assert ".*.tmp" in (folder / ".gitignore").read_text().splitlines()
    assert (folder / ".verify.tmp").exists()


# The real thing


@pytest.mark.live
def test_real_recordings_are_verified_by_processes_of_their_own(tmp_path: Path) -> None:
    engine = engines.load("llamacpp", models.find("smollm2-135m"), "smollm2-135m")
    committed = [one.recording for _, one in recordings(CASSETTES) if isinstance(one, Recorded)]
    store = CassetteStore(tmp_path / "cassettes")
    for request in (recording.request for recording in committed[:3]):
        result = generating.answer(engine, request, lambda _: None)
        store.put(generating.recording(engine, request, result))
    store.close()
    edited, *_ = (tmp_path / "cassettes").rglob("and-of-italy-*.json")
    edited.write_text(
        re.sub(r'"text": ".*"', '"text": "It is Rome, I believe."', edited.read_text())
    )
    command = ["cassettes", "verify", str(tmp_path / "cassettes"), "--json", "--jobs", "2"]
    verified = click.testing.CliRunner().invoke(main, command)
    assert verified.exit_code == 1
    told = json.loads(verified.stdout)
    assert told["counts"] == {"same": 2, "changed": 1, "cannot_tell": 0, "damaged": 0}
    [changed] = (one for one in told["recordings"] if one["outcome"] == "changed")
    assert changed["recording"] == edited.as_posix()
    assert (changed["made_with"], changed["why"]) == ([], "It was edited by hand.")
