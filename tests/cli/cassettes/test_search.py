"""`slmtape cassettes search`."""

import json
from pathlib import Path

import pytest

from slmtape.generation import JsonFormat, Message, Piece, Tool, ToolCall
from tests.cli.cassettes.invoking import answering, conversation, path_of, put, run, said

FRANCE = said("What is the capital of France?", "It is Paris.")
EVERYWHERE = answering(
    conversation(
        Message("system", "needle one"),
        Message("user", "two", name="needle"),
        Message("assistant", "", tool_calls=(ToolCall("needle", '{"x":"needle"}', "a"),)),
        Message("tool", "a needle", tool_call_id="a"),
        tools=(Tool("needle", "A needle", '{"properties":{"needle":{}}}'),),
        response_format=JsonFormat('{"title":"needle"}', "needle"),
        stop=("needle",),
        extras=(("mirostat", '"needle"'),),
    ),
    Piece("needle", "reasoning"),
    Piece("a nee"),
    Piece("dle"),
    Piece("needle", "refusal"),
    Piece("needle", "call"),
    Piece('{"needle"', "arguments"),
    Piece(":1}", "arguments"),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    put(tmp_path / "cassettes", FRANCE, EVERYWHERE)
    return tmp_path / "cassettes"


def test_it_tells_the_file_the_place_and_the_words_around(folder: Path) -> None:
    result = run("search", "paris", str(folder))
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        f"{path_of(folder, FRANCE)}\n  text: It is Paris.\n\n1 place in 1 of 2 recordings.\n"
    )


def test_it_looks_everywhere_in_requests_and_answers(folder: Path) -> None:
    told = json.loads(run("search", "needle", str(folder), "--json").stdout)
    assert [hit["place"] for hit in told] == [
        "messages[0].content",
        "messages[1].name",
        "messages[2].tool_calls[0].name",
        "messages[2].tool_calls[0].arguments",
        "messages[3].content",
        "stop[0]",
        "tools[0].name",
        "tools[0].description",
        "tools[0].parameters",
        "response_format.schema",
        "response_format.description",
        "extras.mirostat",
        "reasoning",
        "text",
        "refusal",
        "tool_calls[0].name",
        "tool_calls[0].arguments",
    ]


def test_a_text_that_was_said_in_pieces_is_found_and_located(folder: Path) -> None:
    told = json.loads(run("search", "needle", str(folder), "--json").stdout)
    [hit] = (hit for hit in told if hit["place"] == "text")
    assert hit == {
        "recording": path_of(folder, EVERYWHERE).as_posix(),
        "place": "text",
        "start": 2,
        "found": "needle",
        "excerpt": "a needle",
    }


def test_roles_and_models_are_not_searched(folder: Path) -> None:
    for word in ("assistant", "echo", "call_0"):
        assert run("search", word, str(folder)).exit_code == 1


@pytest.mark.parametrize(
    ("options", "text", "code"),
    [
        ((), "PARIS", 0),
        (("--case",), "PARIS", 1),
        (("--case",), "Paris", 0),
        ((), "P.ris", 1),
        (("--regex",), "P.ris", 0),
        (("--regex",), r"^it\b", 0),
        (("--regex", "--case"), r"^it\b", 1),
        (("--regex",), "x*", 1),
    ],
)
def test_case_and_expressions(folder: Path, options: tuple[str, ...], text: str, code: int) -> None:
    path_of(folder, EVERYWHERE).unlink()
    result = run("search", text, str(folder), *options)
    assert result.exit_code == code, result.output


def test_nothing_found_is_told_and_is_the_exit_code(folder: Path) -> None:
    result = run("search", "nowhere", str(folder))
    assert (result.exit_code, result.stdout) == (1, "Found nowhere in 2 recordings.\n")
    result = run("search", "nowhere", str(folder), "--json")
    assert (result.exit_code, result.stdout) == (1, "[]\n")


def test_a_wrong_expression_is_wrong_use(folder: Path) -> None:
    result = run("search", "(", str(folder), "--regex")
    assert result.exit_code == 2
    assert "'(' is no regular expression" in result.stderr


def test_a_damaged_file_is_told_and_is_the_exit_code(folder: Path) -> None:
    path = path_of(folder, EVERYWHERE)
    path.write_text("{")
    result = run("search", "Paris", str(folder))
    assert result.exit_code == 1
    assert "  text: It is Paris.\n" in result.stdout
    assert f"{path} can't be used" in result.stderr


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_line_fits_the_terminal_and_has_what_was_found(tmp_path: Path, width: int) -> None:
    put(tmp_path, said("word " * 200 + "\n\x1b[2Jneedle\n" + "word " * 200, "."))
    result = run("search", "needle", str(tmp_path), width=width)
    line = result.stdout.splitlines()[1]
    assert width - 20 < len(line) <= width
    assert " \\x1b[2Jneedle word" in line
    assert line.startswith("  messages[0].content: …")
    assert line.endswith("…")
