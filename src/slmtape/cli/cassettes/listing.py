"""`slmtape cassettes list`: what is recorded."""

import json
from pathlib import Path
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from slmtape.cli.cassettes import saying
from slmtape.cli.cassettes.completing import complete_model
from slmtape.cli.cassettes.finding import Cassette, cassette, short
from slmtape.cli.cassettes.tables import cell, console, table
from slmtape.cli.options import directory_argument, json_option
from slmtape.cli.visible import counted, visible
from slmtape.generation import GenerationRequest, GenerationResult, Recording


@click.command("list")
@directory_argument
@click.option("--model", help="Only those of this model.", shell_complete=complete_model)
@click.option("--tool", help="Only those in which this tool is on offer, or called.")
@json_option
def list_(directory: Path, model: str | None, tool: str | None, as_json: bool) -> None:
    """List what is recorded in DIR (cassettes): what was asked, and what was answered.

    Keys are told as far as `slmtape cassettes show` needs them; IN and OUT are the tokens of the
    prompt and of the answer.

    Exits with 1 where a file is damaged, with 2 where the command was wrong.
    """
    there = cassette(directory)
    found = {
        path: one
        for path, one in there.recordings.items()
        if model in (None, one.request.model) and (tool is None or tool in _tools(one))
    }
    if as_json:
        click.echo(_json(there, found))
    else:
        _show(there, found)
    if there.damaged:
        raise SystemExit(1)


def _tools(recording: Recording) -> set[str]:
    """The tools that are on offer, or called in the conversation or the answer."""
    request, result = recording.request, recording.result
    names = set()
    if isinstance(request, GenerationRequest):
        names |= {tool.name for tool in request.tools}
        names |= {call.name for message in request.messages for call in message.tool_calls}
    if isinstance(result, GenerationResult):
        names |= {call.name for call in result.tool_calls}
    return names


def _show(there: Cassette, found: dict[Path, Recording]) -> None:
    out = console()
    if found:
        keys = short([recording.key for recording in there.recordings.values()])
        out.print(_table(found, keys))
    for error in there.damaged.values():
        out.print(Text(visible(error.message), style="red"), soft_wrap=True)
    out.print()
    out.print(_summary(there, found), markup=False, soft_wrap=True)


def _table(found: dict[Path, Recording], keys: dict[str, str]) -> Table:
    several = len({recording.request.model for recording in found.values()}) > 1
    models = ["model"] * several
    texts, counts = ["asked", "answered"], ["in", "out"]
    made = table("key", *models, *texts, *counts, cut=texts, numbers=counts)
    for recording in found.values():
        request = recording.request
        made.add_row(
            cell(keys[recording.key], "yellow"),
            *[cell(request.model)] * several,
            cell(saying.asked(request)),
            cell(saying.answered(recording)),
            *saying.tokens(recording),
        )
    return made


def _summary(there: Cassette, found: dict[Path, Recording]) -> str:
    if not found:
        here = "There are no recordings" if not there.recordings else "No recording fits"
        return f"{here} in {there.directory}."
    models = sorted({recording.request.model for recording in found.values()})
    of = models[0] if len(models) == 1 else f"{len(models)} models"
    damaged = f" {counted(len(there.damaged), 'damaged file')}." if there.damaged else ""
    return f"{counted(len(found), 'recording')} of {of}.{damaged}"


def _json(there: Cassette, found: dict[Path, Recording]) -> str:
    written = {
        "directory": there.directory.as_posix(),
        "recordings": [_written(path, recording) for path, recording in found.items()],
        "damaged": [
            {"recording": path.as_posix(), "why": error.message}
            for path, error in there.damaged.items()
        ],
    }
    return json.dumps(written, indent=2, ensure_ascii=False)


def _written(path: Path, recording: Recording) -> dict[str, Any]:
    result = recording.result
    return {
        "recording": path.as_posix(),
        "key": recording.key,
        "model": recording.request.model,
        "asked": saying.asked(recording.request),
        "answered": saying.answered(recording),
        "tools": sorted(_tools(recording)),
        "prompt_tokens": result.prompt_tokens,
        "completion_tokens": getattr(result, "completion_tokens", 0),
    }
