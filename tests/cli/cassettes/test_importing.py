"""`slmtape cassettes import`."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click.testing
import pytest
from openai import OpenAI

from slmtape import FakeLLMServer
from slmtape.cli import main
from slmtape.stores.cassettes.store import CassetteStore
from tests.support import ROOT, recording_for, request_for

FILES = ROOT / "tests" / "importing"
TOOL: Any = {
    "name": "get_weather",
    "description": "Weather in a city",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}


def run(*arguments: str | Path) -> click.testing.Result:
    command = ["cassettes", "import", *map(str, arguments)]
    return click.testing.CliRunner(env={"COLUMNS": "100"}).invoke(main, command)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cassettes"


@pytest.fixture
def client(serve: Callable[..., FakeLLMServer], folder: Path) -> Callable[[], OpenAI]:
    """Makes a client of a server that replays what was imported."""

    def make() -> OpenAI:
        server = serve(cache=folder, mode="replay", aliases={"*": "echo"})
        return OpenAI(**server.openai_client_args())

    return make


def user(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


def test_what_vcrpy_recorded_is_replayed_to_the_same_client(
    folder: Path, client: Callable[[], OpenAI]
) -> None:
    result = run(FILES / "vcrpy.yaml", "--to", folder, "--model", "echo")
    assert result.exit_code == 0, result.output
    assert result.stdout.endswith(f"7 recordings imported to {folder}, 3 not carried over.\n")
    with client() as openai:
        brief: list[Any] = [{"role": "system", "content": "Be brief."}, *user("Hello, café!")]
        completion = openai.chat.completions.create(
            model="gpt-4o-mini", messages=brief, max_completion_tokens=50, user="another"
        )
        assert completion.choices[0].message.content == "Hello! How can I help you today?"
        assert completion.usage
        assert completion.usage.total_tokens == 21
        stream = openai.chat.completions.create(
            model="gpt-4o-mini", messages=user("Count"), stream=True
        )
        said = [chunk.choices[0].delta.content for chunk in stream]
        assert [text for text in said if text] == ["One", " two", " thr", "ee ✓."]
        called = openai.chat.completions.create(
            model="gpt-4o-mini",
            messages=user("Weather in Paris and Rome?"),
            tools=[{"type": "function", "function": TOOL}],
        )
        calls = called.choices[0].message.tool_calls or []
        assert [call.type == "function" and call.function.arguments for call in calls] == [
            *('{"city":"Paris"}', '{"city":"Rome"}')
        ]
        assert called.choices[0].finish_reason == "tool_calls"
        vector = openai.embeddings.create(model="text-embedding-3-small", input="a short text")
        assert vector.data[0].embedding == pytest.approx([0.6, 0.8])


def test_a_conversation_of_responses_goes_on(folder: Path, client: Callable[[], OpenAI]) -> None:
    assert run(FILES / "vcrpy.yaml", "--to", folder, "--model", "echo").exit_code == 0
    with client() as openai:
        tools: list[Any] = [{"type": "function", **TOOL}]
        first = openai.responses.create(model="any", input="Weather in Paris?", tools=tools)
        [call] = [item for item in first.output if item.type == "function_call"]
        assert (call.name, call.arguments) == ("get_weather", '{"city":"Paris"}')
        second = openai.responses.create(
            model="any",
            previous_response_id=first.id,
            tools=tools,
            input=[
                {"type": "function_call_output", "call_id": call.call_id, "output": "21 degrees"}
            ],
        )
        assert second.output_text == "It is 21 degrees."
        with openai.responses.stream(model="any", input="Stream it") as stream:
            deltas = [e.delta for e in stream if e.type == "response.output_text.delta"]
        assert deltas == ["Stream", "ed words."]


@pytest.mark.parametrize("name", ["cassetter.yaml", "cassetter.toml"])
def test_what_cassetter_recorded_is_replayed(
    folder: Path, client: Callable[[], OpenAI], name: str
) -> None:
    assert run(FILES / name, "--to", folder, "--model", "echo").exit_code == 0
    with client() as openai:
        completion = openai.chat.completions.create(
            model="gpt-4o-mini", messages=user("2024-01-01"), temperature=0.00001
        )
        assert completion.choices[0].message.content == "Hello! How can I help you today?"
        vector = openai.embeddings.create(model="text-embedding-3-small", input="12:30")
        assert vector.data[0].embedding == pytest.approx([0.6, 0.8])


def test_fixtures_of_aimock_are_recordings_or_stubs(
    folder: Path, client: Callable[[], OpenAI]
) -> None:
    result = run(FILES / "aimock.json", "--to", folder, "--model", "echo")
    assert result.exit_code == 0
    assert result.stdout.endswith(f"3 recordings imported to {folder}, 3 to be written as stubs.\n")
    assert "\nfrom slmtape import Reply, Usage, faults\n" in result.stdout
    assert f"\n# {FILES / 'aimock.json'}\nserver.stub(Reply(" in result.stdout
    with client() as openai:
        answer = openai.chat.completions.create(model="gpt-4o-mini", messages=user("Hello!"))
        assert answer.choices[0].message.content == "Hello! How can I help you today?"


def test_a_second_time_everything_is_there(folder: Path) -> None:
    run(FILES / "vcrpy.yaml", "--to", folder)
    before = {path: path.read_bytes() for path in folder.rglob("*.json")}
    result = run(FILES / "vcrpy.yaml", "--to", folder)
    assert result.exit_code == 0
    assert result.stdout.endswith(
        f"No recordings imported to {folder}, 7 recorded already, 3 not carried over.\n"
    )
    assert {path: path.read_bytes() for path in folder.rglob("*.json")} == before


def test_another_answer_to_a_recorded_request_is_not_imported(folder: Path) -> None:
    store = CassetteStore(folder)
    store.put(recording_for(request_for("Hello!"), "mine"))
    store.close()
    result = run(FILES / "aimock.json", "--to", folder, "--model", "echo", "--json")
    [left] = json.loads(result.stdout)["left"]
    assert left["what"] == "the answer to 'Hello!'"
    assert left["why"] == "The same request has another answer already, which is kept."
    [path] = folder.rglob("hello-*.json")
    assert '"text": "mine"' in path.read_text()


def test_a_directory_is_searched(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "old" / "deeper").mkdir(parents=True)
    shutil.copy(FILES / "vcrpy.yaml", tmp_path / "old" / "deeper" / "test_one.yaml")
    shutil.copy(FILES / "cassetter.toml", tmp_path / "old")
    (tmp_path / "old" / "other.json").write_text("[]")
    (tmp_path / "old" / "notes.txt").write_text("not looked at")
    told = json.loads(run(tmp_path / "old", "--to", folder, "--json").stdout)
    assert {Path(one["file"]).name for one in told["imported"]} == {
        *("test_one.yaml", "cassetter.toml")
    }
    assert [one["why"] for one in told["left"] if one["what"] == "the file"] == [
        "It is neither a cassette of vcrpy or cassetter nor aimock's fixtures."
    ]


def test_a_dry_run_writes_nothing(folder: Path) -> None:
    result = run(FILES / "vcrpy.yaml", "--to", folder, "--dry-run")
    assert result.stdout.endswith(
        f"7 recordings would be imported to {folder}, 3 not carried over.\n"
    )
    assert not folder.exists()


def test_json_has_all_of_it(folder: Path) -> None:
    told = json.loads(
        run(FILES / "vcrpy.yaml", FILES / "aimock.json", "--to", folder, "--json").stdout
    )
    assert {Path(one["recording"]) for one in told["imported"]} == set(folder.rglob("*.json"))
    assert [one["where"] for one in told["left"]] == [
        *("interaction 8", "interaction 9", "interaction 10", "fixture 4")
    ]
    assert len(told["stubs"]) == 3


def test_nothing_to_import_is_the_exit_code(folder: Path, tmp_path: Path) -> None:
    for name, text in (("a.yaml", "a: ["), ("b.json", "{}"), ("c.json", '{"interactions": []}')):
        (tmp_path / name).write_text(text)
        assert run(tmp_path / name, "--to", folder).exit_code == 1, name
    assert not folder.exists()


def test_damage_where_it_is_to_go_is_told(folder: Path) -> None:
    folder.mkdir()
    (folder / "bad.json").write_text("{")
    result = run(FILES / "vcrpy.yaml", "--to", folder)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "bad.json can't be used" in result.stderr


def test_a_wrong_command_is_2(folder: Path) -> None:
    assert run(FILES / "vcrpy.yaml").exit_code == 2
    assert run("--to", folder).exit_code == 2
    assert run("gone.yaml", "--to", folder).exit_code == 2
