"""`slmtape cassettes show`."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from slmtape.generation import GenerationResult, JsonFormat, Message, Piece, Tool, ToolCall
from slmtape.stores.cassettes.store import CassetteStore
from tests.cli.cassettes.invoking import (
    answering,
    conversation,
    embedding,
    path_of,
    put,
    run,
    said,
)
from tests.support import CASSETTES, request_for

FRANCE = said("What is the capital of France?", "Paris.")
WEATHER = Tool(
    "get_weather",
    "Current weather",
    '{"type":"object","properties":{"city":{},"days":{}},"required":["city"]}',
)
CONVERSATION = answering(
    conversation(
        Message("system", "Be brief."),
        Message("user", "How warm is it?", name="Ann"),
        Message("assistant", "", tool_calls=(ToolCall("get_weather", '{"city":"Paris"}', "a"),)),
        Message("tool", "21 degrees", tool_call_id="a"),
        tools=(WEATHER,),
        max_tokens=30,
        stop=("\n",),
        tool_choice="required",
    ),
    Piece("Warm."),
    Piece("get_weather", "call"),
    Piece('{"city":"Rome"}', "arguments"),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    put(tmp_path / "cassettes", FRANCE, CONVERSATION)
    return tmp_path / "cassettes"


def shown(folder: Path, key: str, *options: str) -> str:
    result = run("show", key, str(folder), *options)
    assert (result.exit_code, result.stderr) == (0, "")
    return "\n".join(line.rstrip() for line in result.stdout.splitlines())


def test_a_conversation_is_told_from_top_to_bottom(folder: Path) -> None:
    told = shown(folder, CONVERSATION.key)
    assert told == READS_WELL.format(
        path=path_of(folder, CONVERSATION), key=CONVERSATION.key, digest="0" * 12
    )


READS_WELL = """\
{path}

system
  Be brief.

user Ann
  How warm is it?

assistant
  calls get_weather
    {{
      "city": "Paris"
    }}

tool get_weather
  21 degrees

answer
  Warm.
  calls get_weather
    {{
      "city": "Rome"
    }}

key            {key}
model          echo (echo.gguf, sha256 {digest}…)
tools          get_weather(city, days?)
                 Current weather
parameters     max_tokens 30
               stop ["\\n"]
               tool_choice "required"
finish reason  stop
usage          12 + 3,456 tokens
made with      engine echo"""


@pytest.mark.parametrize("way", ["key", "beginning", "path", "path below", "name"])
def test_it_is_found_by_its_key_a_beginning_or_its_path(folder: Path, way: str) -> None:
    path = path_of(folder, FRANCE)
    named = {
        "key": FRANCE.key,
        "beginning": FRANCE.key[:4],
        "path": str(path),
        "name": path.name,
        "path below": path.relative_to(folder).as_posix(),
    }[way]
    assert "Paris." in shown(folder, named)


def test_a_file_with_another_name_is_found_by_its_key(folder: Path) -> None:
    path_of(folder, FRANCE).rename(folder / "mine.json")
    assert "Paris." in shown(folder, FRANCE.key[:6])


def test_json_is_the_file(folder: Path) -> None:
    result = run("show", FRANCE.key, str(folder), "--json")
    assert result.stdout == path_of(folder, FRANCE).read_text()


def test_where_several_fit_it_lists_them(folder: Path) -> None:
    result = run("show", "", str(folder))
    assert result.exit_code == 2
    for recording in (FRANCE, CONVERSATION):
        assert f"  {path_of(folder, recording)}\n" in result.stderr


@pytest.mark.parametrize(
    "wrong", [FRANCE.key[:6] + "0" + FRANCE.key[7:], "the capital", "Capital of"]
)
def test_where_none_fits_it_tells_the_nearest(folder: Path, wrong: str) -> None:
    result = run("show", wrong, str(folder))
    assert result.exit_code == 1
    assert result.stderr == (
        f"Error: No recording in {folder} has the key {wrong}. The nearest:\n"
        f"  {path_of(folder, FRANCE)}\n"
    )


def test_the_nearest_are_told_once_and_three_at_most(folder: Path) -> None:
    put(folder, *(said(f"capital {number}", ".") for number in range(5)))
    result = run("show", "capital", str(folder))
    _, *near = result.stderr.splitlines()
    assert len(set(near)) == len(near) == 3


def test_where_nothing_is_near_it_says_just_that(folder: Path) -> None:
    result = run("show", "zzz", str(folder))
    assert result.exit_code == 1
    assert result.stderr == f"Error: No recording in {folder} has the key zzz.\n"


def test_a_damaged_file_is_told(folder: Path) -> None:
    path = path_of(folder, FRANCE)
    path.write_text("{")
    result = run("show", FRANCE.key, str(folder))
    assert result.exit_code == 1
    assert f"{path} can't be used: it is not JSON" in result.stderr


def test_the_tests_that_replay_it_are_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = CassetteStore(folder)
    for test in ("test_b.py::test_b", "test_a.py::test_a"):
        monkeypatch.setenv("PYTEST_CURRENT_TEST", f"{test} (call)")
        assert store.get(FRANCE.key)
    store.close()
    assert shown(folder, FRANCE.key).endswith(
        "replayed by    test_a.py::test_a\n               test_b.py::test_b"
    )


def test_what_else_there_is_of_an_answer_is_told(tmp_path: Path) -> None:
    request = request_for(
        "Go", response_format=JsonFormat('{"type":"object"}', "A thing"), temperature=1.0, seed=7
    )
    recording = answering(request, Piece("hm", "reasoning"), Piece("No.", "refusal"))
    assert isinstance(recording.result, GenerationResult)
    result = replace(recording.result, finish_reason="content_filter", reasoning_tokens=1)
    put(tmp_path, replace(recording, result=result))
    told = shown(tmp_path, recording.key)
    assert "\nanswer\n  hm\n  refused: No.\n" in told
    assert "\nfinish reason  content_filter\n" in told
    assert "12 + 3,456 tokens, 1 of them thought" in told
    assert (
        'answers as     JSON of the schema: A thing\n               {\n                 "type"'
        in told
    )
    assert "parameters     temperature 1.0\n               seed 7\n" in told


def test_an_edited_recording_says_so(folder: Path) -> None:
    path = path_of(folder, FRANCE)
    path.write_text(path.read_text().replace('"text": "Paris."', '"text": "Lyon, by hand."'))
    told = shown(folder, FRANCE.key)
    assert "\nanswer\n  Lyon, by hand.\n" in told
    assert "\nedited         by hand\n" in told


@pytest.mark.parametrize("given", ["A cat sleeps.", (1, 22, 333)])
def test_an_embedding_is_told(tmp_path: Path, given: str | tuple[int, ...]) -> None:
    recording = embedding(given, 0.6, 0.8)
    put(tmp_path, recording)
    told = shown(tmp_path, recording.key)
    asked = given if isinstance(given, str) else "3 tokens: 1 22 333"
    assert f"\ninput\n  {asked}\n" in told
    assert "\nanswer\n  a vector of 2 dimensions: 0.6000, 0.8000" in told


def test_a_raw_prompt_is_told(tmp_path: Path) -> None:
    recording = answering(replace(conversation(), prompt="Once upon"), Piece(" a time"))
    put(tmp_path, recording)
    assert "\nprompt\n  Once upon\n\nanswer\n   a time\n" in shown(tmp_path, recording.key)


def test_what_would_change_a_terminal_is_told_by_name(tmp_path: Path) -> None:
    recording = said("\x1b[2J", "\x9b31m[red]\u202e")
    put(tmp_path, recording)
    told = shown(tmp_path, recording.key)
    assert "\n  \\x1b[2J\n" in told
    assert "\n  \\x9b31m[red]\\u202e\n" in told


def test_each_of_this_projects_own_recordings_is_shown_in_a_narrow_terminal() -> None:
    for path in sorted(CASSETTES.rglob("*.json")):
        result = run("show", str(path), width=80)
        assert result.exit_code == 0, result.output
        data = json.loads(path.read_text(encoding="utf-8"))
        assert data["key"] in result.stdout
        assert max(map(len, result.stdout.splitlines()[1:])) <= 80
