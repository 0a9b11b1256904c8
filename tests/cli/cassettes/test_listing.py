"""`slmtape cassettes list`."""

import json
from pathlib import Path

import pytest

from slmtape.generation import Message, Piece, Tool, ToolCall
from tests.cli.cassettes.invoking import answering, conversation, embedding, path_of, put, run, said
from tests.support import CASSETTES, request_for

WEATHER = Tool("get_weather")
FRANCE = said("What is the capital of France?", "Paris.")
CALL = answering(
    request_for("How warm is it?", tools=(WEATHER,)),
    Piece("get_weather", "call"),
    Piece('{"city":"Paris","days":2}', "arguments"),
)
RESULT = answering(
    conversation(
        Message("user", "How warm\nis it?"),
        Message("assistant", "", tool_calls=(ToolCall("get_weather", "{}", "a"),)),
        Message("tool", "21 degrees", tool_call_id="a"),
    ),
    Piece("Warm."),
)
OTHER = said("Who are you?", "Another.", model="another")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    put(tmp_path / "cassettes", FRANCE, CALL, RESULT, OTHER)
    return tmp_path / "cassettes"


def rows(output: str) -> list[list[str]]:
    """The cells of a table, which are further apart than words."""
    return [
        [cell.strip() for cell in line.split("   ") if cell.strip()]
        for line in output.splitlines()
        if line.strip()
    ]


def test_a_recording_is_a_line_with_what_was_asked_and_answered(folder: Path) -> None:
    result = run("list", str(folder))
    assert (result.exit_code, result.stderr) == (0, "")
    heads, _, *lines, summary = rows(result.stdout)
    assert heads == ["key", "model", "asked", "answered", "in", "out"]
    assert sorted(line[1:] for line in lines) == [
        ["another", "Who are you?", "Another.", "12", "3,456"],
        ["echo", "How warm is it?", 'get_weather(city="Paris", days=2)', "12", "3,456"],
        ["echo", "How warm is it? ← 21 degrees", "Warm.", "12", "3,456"],
        ["echo", "What is the capital of France?", "Paris.", "12", "3,456"],
    ]
    assert summary == ["4 recordings of 2 models."]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_each_is_one_line_in_a_narrow_terminal_with_its_key_and_counts_whole(
    folder: Path, width: int
) -> None:
    long = said("Tell me " + "a very long story " * 20, "Once " * 50)
    put(folder, long)
    result = run("list", str(folder), width=width)
    _, _, *lines, _, _ = result.stdout.splitlines()
    assert len(lines) == 5
    assert all(len(line) <= width for line in lines)
    assert all(line.endswith("3,456") for line in lines)
    assert any(line.startswith(long.key[:7]) for line in lines)


def test_keys_are_told_as_far_as_show_needs_them(folder: Path) -> None:
    result = run("list", str(folder))
    key = next(line for line in result.stdout.splitlines() if "France" in line).split()[0]
    shown = run("show", key, str(folder))
    assert shown.exit_code == 0
    assert FRANCE.key in shown.stdout


def test_only_those_of_a_model(folder: Path) -> None:
    result = run("list", str(folder), "--model", "another")
    assert "Who are you?" in result.stdout
    assert result.stdout.endswith("\n1 recording of another.\n")
    assert " model " not in result.stdout


def test_only_those_with_a_tool_on_offer_or_called(folder: Path) -> None:
    result = run("list", str(folder), "--tool", "get_weather", "--json")
    found = {one["key"] for one in json.loads(result.stdout)["recordings"]}
    assert found == {CALL.key, RESULT.key}


def test_where_none_fits_it_says_so(folder: Path, tmp_path: Path) -> None:
    result = run("list", str(folder), "--model", "nobody")
    assert (result.exit_code, result.stdout.strip()) == (0, f"No recording fits in {folder}.")
    (tmp_path / "empty").mkdir()
    result = run("list", str(tmp_path / "empty"))
    assert result.stdout.strip() == f"There are no recordings in {tmp_path / 'empty'}."


def test_damaged_files_are_told_and_are_the_exit_code(folder: Path) -> None:
    path = path_of(folder, FRANCE)
    path.write_text("{")
    result = run("list", str(folder))
    assert result.exit_code == 1
    assert f"{path} can't be used: it is not JSON" in result.stdout
    assert result.stdout.endswith("\n3 recordings of 2 models. 1 damaged file.\n")
    told = json.loads(run("list", str(folder), "--json").stdout)
    [damaged] = told["damaged"]
    assert damaged["recording"] == path.as_posix()
    assert "it is not JSON" in damaged["why"]


def test_json_has_the_whole_of_it(folder: Path) -> None:
    told = json.loads(run("list", str(folder), "--json", "--tool", "get_weather").stdout)
    assert told["directory"] == folder.as_posix()
    [call] = (one for one in told["recordings"] if one["key"] == CALL.key)
    assert call == {
        "recording": path_of(folder, CALL).as_posix(),
        "key": CALL.key,
        "model": "echo",
        "asked": "How warm is it?",
        "answered": 'get_weather(city="Paris", days=2)',
        "tools": ["get_weather"],
        "prompt_tokens": 12,
        "completion_tokens": 3456,
    }


@pytest.mark.parametrize(
    ("pieces", "words"),
    [
        ((), "nothing (stop)"),
        ((Piece("I can't.", "refusal"),), "refused: I can't."),
        ((Piece("f", "call"), Piece('{"a":', "arguments")), 'f({"a":)'),
        ((Piece("One\n\n two"), Piece("f", "call")), "One two f()"),
        ((Piece("\x1b[31mred\x07"),), "\\x1b[31mred\\x07"),
        ((Piece("[bold]not markup[/bold]"),), "[bold]not markup[/bold]"),
    ],
)
def test_answers_of_all_kinds_are_one_line(
    tmp_path: Path, pieces: tuple[Piece, ...], words: str
) -> None:
    put(tmp_path, answering(request_for(), *pieces))
    assert f" {words} " in run("list", str(tmp_path)).stdout


def test_an_embedding_is_told_by_its_dimensions(tmp_path: Path) -> None:
    put(tmp_path, embedding((1, 2, 3), 0.6, 0.8))
    result = run("list", str(tmp_path))
    assert rows(result.stdout)[2][1:] == ["tokens", "2 dimensions", "3"]


def test_this_projects_own_recordings_are_listed() -> None:
    result = run("list", str(CASSETTES), width=80)
    assert result.exit_code == 0
    assert "The capital of Italy" in result.stdout
