"""`slmtape cassettes check`."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from slmtape.generation import GenerationResult, Message, Piece, Token, Tool, ToolCall
from tests.cli.cassettes.invoking import answering, conversation, path_of, put, run, said
from tests.cli.cassettes.test_leaks import KINDS
from tests.support import CASSETTES, request_for

SECRET = KINDS["GitHub token"](1)
SHOWN = f"GitHub token {SECRET[:8]}… (40 characters)"
HELLO = said("Hello", "Hello.")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    put(tmp_path / "cassettes", HELLO)
    return tmp_path / "cassettes"


def findings(folder: Path, *options: str) -> list[dict[str, str | None]]:
    result = run("check", str(folder), "--json", *options)
    found: list[dict[str, str | None]] = json.loads(result.stdout)["findings"]
    assert result.exit_code == bool(found)
    return found


def test_where_nothing_is_wrong_it_says_so(folder: Path) -> None:
    result = run("check", str(folder))
    assert (result.exit_code, result.output) == (0, "1 file: nothing found.\n")


def test_a_secret_is_told_with_file_place_and_kind_and_in_part(folder: Path) -> None:
    [path] = put(folder, said(f"My token is {SECRET}.", "Fine."))
    result = run("check", str(folder), width=80)
    assert result.exit_code == 1
    first, *_, last = result.stdout.splitlines()
    assert first == f"{path}: messages[0].content: {SHOWN}"
    assert last == "2 files: 1 secret."
    assert "Revoke" in result.stdout
    assert SECRET not in result.output


def test_json_has_all_of_it(folder: Path) -> None:
    [path] = put(folder, said("Which?", f"{SECRET} and {KINDS['AWS access key'](1)}"))
    result = run("check", str(folder), "--json")
    told = json.loads(result.stdout)
    assert (told["directory"], told["files"]) == (folder.as_posix(), 2)
    assert told["findings"][0] == {
        "recording": path.as_posix(),
        "kind": "GitHub token",
        "place": "text",
        "told": f"{SECRET[:8]}… (40 characters)",
    }
    assert [one["kind"] for one in told["findings"]] == ["GitHub token", "AWS access key"]
    assert SECRET not in result.stdout


EVERYWHERE = answering(
    conversation(
        Message("system", SECRET),
        Message("user", f"Part one\n{SECRET[:20]}\n{SECRET[20:]}\nPart two"),
        Message("assistant", "", tool_calls=(ToolCall("f", f'{{"x":"{SECRET}"}}', "a"),)),
        Message("tool", json.dumps({"body": json.dumps({"x": SECRET})}), tool_call_id="a"),
        tools=(Tool("f", SECRET, f'{{"default":"{SECRET}"}}'),),
        stop=(SECRET,),
        extras=(("api_key", f'"{SECRET[4:]}"'),),
    ),
    Piece(SECRET, "reasoning"),
    *(Piece(character) for character in SECRET),
    Piece("f", "call"),
    *(Piece(part, "arguments") for part in ('{"x":"', SECRET[:9], SECRET[9:], '"}')),
)


def test_it_looks_everywhere_in_texts_that_are_put_together(folder: Path) -> None:
    put(folder, EVERYWHERE)
    assert {one["place"]: one["kind"] for one in findings(folder)} == {
        "messages[0].content": "GitHub token",
        "messages[1].content": "GitHub token",
        "messages[2].tool_calls[0].arguments": "GitHub token",
        "messages[3].content": "GitHub token",
        "stop[0]": "GitHub token",
        "tools[0].description": "GitHub token",
        "tools[0].parameters": "GitHub token",
        "extras.api_key": "secret",
        "reasoning": "GitHub token",
        "text": "GitHub token",
        "tool_calls[0].arguments": "GitHub token",
    }


def test_tokens_keep_a_secret_that_was_edited_out_of_the_text(folder: Path) -> None:
    cut = [SECRET[start : start + 3] for start in range(0, len(SECRET), 3)]
    pieces = [Piece(part, tokens=(Token(part.encode(), -0.5),)) for part in cut]
    recording = answering(request_for("Which?", top_logprobs=0), *pieces)
    [path] = put(folder, recording)
    assert [one["place"] for one in findings(folder)] == ["text", "logprobs"]
    path.write_text(path.read_text().replace(f'"text": "{SECRET}"', '"text": "gone"'))
    assert [one["place"] for one in findings(folder)] == ["logprobs"]


def test_tokens_may_be_parts_of_characters(folder: Path) -> None:
    pieces = [Piece("é", tokens=(Token(b"\xc3", -0.5), Token(b"\xa9", -0.5)))]
    put(folder, answering(request_for("Which?", top_logprobs=0), *pieces))
    assert findings(folder) == []


def test_what_is_allowed_is_no_secret(folder: Path) -> None:
    put(folder, said("Which?", f"{SECRET} {KINDS['npm token'](1)}"))
    assert len(findings(folder, "--allow", "^gh.*9$")) == 2
    [left] = findings(folder, "--allow", "nothing", "--allow", "^gh[op]_")
    assert left["kind"] == "npm token"
    assert findings(folder, "--allow", "^gh[op]_", "--allow", "^npm") == []


def test_a_wrong_expression_is_wrong_use(folder: Path) -> None:
    result = run("check", str(folder), "--allow", "(")
    assert result.exit_code == 2
    assert "'(' is no regular expression" in result.stderr


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ('"format": 1', '"format": 99', "its format is 99"),
        ('"key": "', '"key": "0', "its key is 0"),
        ('"content": "Hello"', '"content": "Hullo"', "the request was edited"),
        ("{", "<<<<<<< ours\n{", "git's conflict markers"),
    ],
)
def test_damage_is_told(folder: Path, before: str, after: str, words: str) -> None:
    path = path_of(folder, HELLO)
    text = path.read_text()
    path.write_text(text.replace(before, after, 1))
    result = run("check", str(folder))
    assert result.exit_code == 1
    assert f"{path} can't be used" in result.stdout
    assert words in result.stdout
    assert result.stdout.endswith("\n1 file: 1 damaged file.\n")
    [finding] = findings(folder)
    assert (finding["kind"], finding["place"]) == ("damaged", None)


def test_two_files_with_one_key_are_told(folder: Path) -> None:
    path = path_of(folder, HELLO)
    (folder / f"a-{HELLO.key}.json").write_text(path.read_text())
    [finding] = findings(folder)
    assert (finding["recording"], finding["kind"]) == (path.as_posix(), "damaged")


def test_a_name_that_does_not_end_in_the_key_is_told(folder: Path) -> None:
    path = path_of(folder, HELLO)
    path.rename(folder / "mine.json")
    result = run("check", str(folder))
    assert result.exit_code == 1
    assert result.stdout == (
        f"{folder / 'mine.json'}: its name does not end in its key, {HELLO.key}\n\n"
        "1 file: 1 wrong name.\n"
    )


def test_a_damaged_file_is_searched_for_secrets_as_it_is(folder: Path) -> None:
    path_of(folder, HELLO).write_bytes(b"\xff{" + SECRET.encode())
    assert [(one["kind"], one["place"]) for one in findings(folder)] == [
        ("damaged", None),
        ("GitHub token", "file"),
    ]


def test_an_edited_answer_is_fine(folder: Path) -> None:
    path = path_of(folder, HELLO)
    path.write_text(path.read_text().replace('"text": "Hello."', '"text": "Hi there."'))
    assert findings(folder) == []


def test_this_projects_own_recordings_are_in_order() -> None:
    result = run("check", str(CASSETTES))
    assert result.exit_code == 0
    assert result.stdout.endswith(" files: nothing found.\n")


def test_nothing_of_a_secret_can_change_a_terminal(folder: Path) -> None:
    secret = "x\x1b[2J" + SECRET[4:]
    put(folder, said(f"password: {secret}", "."))
    result = run("check", str(folder))
    assert "password x\\x1b[2J" in result.stdout
    assert "\x1b" not in result.stdout


def test_a_result_without_pieces_is_looked_at(folder: Path) -> None:
    recording = answering(request_for("Nothing"))
    assert isinstance(recording.result, GenerationResult)
    put(folder, replace(recording, result=replace(recording.result, finish_reason="length")))
    assert findings(folder) == []
