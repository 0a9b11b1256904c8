"""`slmtape demo`: the product in a minute."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import click
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.syntax import Syntax
from rich.table import Table

from slmtape.cli.options import cassettes_option, model_option, told_errors
from slmtape.modes import Mode
from slmtape.server import FakeLLMServer

QUESTION = "Why is the sky blue?"
_CODE = """\
with FakeLLMServer({model}cache="{cassettes}") as server:
    client = OpenAI(**server.openai_client_args())
    client.chat.completions.create(model="{name}", messages=messages)"""


@click.command()
@click.argument("question", default=QUESTION)
@cassettes_option
@model_option
def demo(question: str, cassettes: Path | None, model: str) -> None:
    """Ask a small model a QUESTION over HTTP, twice: the second answer is a replay.

    Leaves nothing behind, unless --cassettes says where the recording may stay.
    """
    console = Console(highlight=False)
    with _folder(cassettes) as folder, told_errors():
        console.print(f"\n[bold]{escape(question)}[/]\n")
        first = _ask(console, question, folder, model)
        console.print("\n[dim]And again, from a new server:[/]\n")
        second = _ask(console, question, folder, model)
    _report(console, first, second, kept=cassettes is not None)
    _show_code(console, str(cassettes or "cassettes"), model, second.model)


class _Asked(NamedTuple):
    """One question's answer: `first` and `total` are seconds until its first and last piece."""

    model: str
    replayed: bool
    first: float
    total: float
    pieces: int
    recording: Path


def _ask(console: Console, question: str, folder: Path, model: str) -> _Asked:
    """Ask through the openai client; print the answer as it comes."""
    try:
        from openai import APIError, OpenAI
    except ModuleNotFoundError as error:
        raise click.ClickException(
            "The demo asks through the openai client. Install it: pip install 'slmtape[demo]'"
        ) from error
    with (
        FakeLLMServer(model, cache=folder, mode=Mode.AUTO) as server,
        OpenAI(**server.openai_client_args()) as client,
    ):
        name = client.models.list().data[0].id
        first, pieces, begun = None, 0, time.perf_counter()
        try:
            for chunk in client.chat.completions.create(
                model=name,
                messages=[{"role": "user", "content": question}],
                max_tokens=120,
                stream=True,
            ):
                if chunk.choices and (text := chunk.choices[0].delta.content):
                    first = first or time.perf_counter() - begun
                    pieces += 1
                    console.print(text, end="", soft_wrap=True, markup=False)
        except APIError as error:
            server.check()
            raise click.ClickException(error.message) from error
        total = time.perf_counter() - begun
        console.print()
        call = server.calls.last
        [recording] = folder.rglob(f"*-{call.keys[0]}.json")
    return _Asked(name, bool(call.replayed), first or total, total, pieces, recording)


def _report(console: Console, first: _Asked, second: _Asked, *, kept: bool) -> None:
    table = Table(title="\nthe same question, twice", title_justify="left")
    for heading in ("", "first piece", "whole answer", "pieces"):
        table.add_column(heading, justify="left" if not heading else "right")
    for asked in (first, second):
        table.add_row(
            "replayed" if asked.replayed else "generated",
            f"{asked.first * 1000:,.0f} ms",
            f"{asked.total * 1000:,.0f} ms",
            str(asked.pieces),
        )
    console.print(table)
    console.print(f"Recorded in {second.recording}", soft_wrap=True, markup=False)
    if not kept:
        console.print("[dim]… which is deleted again; --cassettes DIR keeps it.[/]")


def _show_code(console: Console, cassettes: str, model: str, name: str) -> None:
    given = "" if model == name else f'"{model}", '
    code = _CODE.format(cassettes=cassettes, model=given, name=name)
    console.print(Panel(Syntax(code, "python", word_wrap=True), title="the same, in a test"))


@contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    """The directory that was given, or one that is deleted afterwards."""
    if given is not None:
        yield given
        return
    temporary = Path(tempfile.mkdtemp(prefix="slmtape-demo-"))
    try:
        yield temporary / "cassettes"
    finally:
        shutil.rmtree(temporary)
