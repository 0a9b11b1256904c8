"""Commands are imported when they are used."""

import json
import re
import subprocess
import sys
from pathlib import Path

import click.testing
import pytest

from slmtape.cli import COMMANDS, main
from slmtape.cli import cassettes as tools
from tests.support import CASSETTES, ROOT


def loaded(*arguments: str) -> set[str]:
    """The modules that a command has loaded when it ends."""
    script = (
        "import json, sys\n"
        "from slmtape.cli import main\n"
        "main(sys.argv[1:], standalone_mode=False)\n"
        "print('\\n' + json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("command", ["list", "search", "stats", "check"])
def test_looking_at_recordings_loads_neither_server_nor_engine(command: str) -> None:
    text = ["Paris"] if command == "search" else []
    modules = loaded("cassettes", command, *text, str(CASSETTES), "--json")
    heavy = {"fastapi", "starlette", "uvicorn", "asyncio", "llama_cpp", "huggingface_hub", "yaml"}
    assert not heavy & modules


def test_each_command_of_the_tables_is_there_under_its_name() -> None:
    for group, table in ((main, COMMANDS), (tools.cassettes, tools.COMMANDS)):
        for name in table:
            command = group.get_command(click.Context(group), name)
            assert command is not None
            assert command.name == name


def test_every_command_for_recordings_tells_its_exit_codes_and_has_json() -> None:
    for name in tools.COMMANDS:
        help_text = click.testing.CliRunner().invoke(main, ["cassettes", name, "--help"]).output
        assert "Exits with" in help_text, name
        assert "--json" in help_text, name


def test_readme_has_a_line_for_every_command_for_recordings() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = readme.split("\n## Cassette tools\n")[1].split("\n## ")[0]
    [_, *named] = re.findall(r"^\| `([a-z-]+)", section, re.MULTILINE)
    assert named == list(tools.COMMANDS)


def test_a_conversation_is_shown_as_readme_has_it() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = readme.split("$ slmtape cassettes show 2742c88\n")[1].split("…\n```")[0]
    command = ["cassettes", "show", "2742c88", str(CASSETTES)]
    told = click.testing.CliRunner().invoke(main, command).output
    told = told.replace(CASSETTES.as_posix(), "cassettes")
    assert "\n".join(line.rstrip() for line in told.splitlines()).startswith(shown)


def test_an_unknown_command_is_told(tmp_path: Path) -> None:
    result = click.testing.CliRunner().invoke(main, ["cassettes", "nonsense"])
    assert result.exit_code == 2
    assert "No such command 'nonsense'" in result.stderr
