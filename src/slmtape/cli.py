"""The command `slmtape`."""

import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import click
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.syntax import Syntax
from rich.table import Table

import slmtape
from slmtape.calls import Call
from slmtape.errors import SlmtapeError
from slmtape.generation import Mode
from slmtape.server import FakeLLMServer

QUESTION = "Why is the sky blue?"
_CODE = """\
with FakeLLMServer({model}cache="{cassettes}") as server:
    client = OpenAI(**server.openai_client_args())
    client.chat.completions.create(model="{name}", messages=messages)"""

cassettes_option = click.option(
    "--cassettes",
    type=click.Path(file_okay=False, path_type=Path),
    help="The directory of recordings.",
)
model_option = click.option(
    "--model", default="smollm2-135m", show_default=True, help="A model's name, or a .gguf file."
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(slmtape.__version__)
def main() -> None:
    """A fake LLM server for tests: real answers from a small model, recorded, then replayed."""


@main.command()
@click.argument("question", default=QUESTION)
@cassettes_option
@model_option
def demo(question: str, cassettes: Path | None, model: str) -> None:
    """Ask a small model a QUESTION over HTTP, twice: the second answer is a replay.

    Leaves nothing behind, unless --cassettes says where the recording may stay.
    """
    console = Console(highlight=False)
    with _folder(cassettes) as folder, _told_errors():
        console.print(f"\n[bold]{escape(question)}[/]\n")
        first = _ask(console, question, folder, model)
        console.print("\n[dim]And again, from a new server:[/]\n")
        second = _ask(console, question, folder, model)
    _report(console, first, second, kept=cassettes is not None)
    _show_code(console, str(cassettes or "cassettes"), model, second.model)


@main.command()
@cassettes_option
@model_option
@click.option("--mode", type=click.Choice([mode.value for mode in Mode]), help="The record mode.")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8080, show_default=True, help="0: any that is free.")
@click.option(
    "--alias", "aliases", multiple=True, help="Another name for the model; '*' for any. Repeatable."
)
@click.option("--api-key", help="The key that clients must send. By default any, or none.")
@click.option("--lenient", is_flag=True, help="Let parameters through that OpenAI doesn't know.")
@click.option(
    "--media",
    type=click.Choice(["describe", "refuse"]),
    default="describe",
    show_default=True,
    help="What becomes of images, audio and files.",
)
def serve(
    cassettes: Path | None, model: str, aliases: list[str], api_key: str | None, **options: Any
) -> None:
    """Serve the OpenAI API until Ctrl-C or SIGTERM, for programs that are not Python tests."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    console = Console(highlight=False)
    with (
        _told_errors(),
        FakeLLMServer(
            model,
            cache=cassettes,
            aliases=dict.fromkeys(aliases, model),
            api_key=api_key,
            **options,
        ) as server,
    ):
        console.print(f"OPENAI_BASE_URL={server.base_url} OPENAI_API_KEY={api_key or 'slmtape'}")
        console.print(f"[dim]mode {server.mode.value}; Ctrl-C stops[/]")
        seen, unfinished = 0, list[Call]()
        try:
            while True:
                time.sleep(0.2)
                new = server.calls[seen:]
                seen += len(new)
                looked_at, unfinished = [*unfinished, *new], []
                for call in looked_at:
                    if call.seconds is None:
                        unfinished.append(call)
                        continue
                    what = call.error or ("replayed" if call.replayed else "generated")
                    console.print(f"{call.path} {escape(str(what))} [dim]{call.seconds:.3f} s[/]")
        except KeyboardInterrupt:
            console.print("stopped")


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


@contextmanager
def _told_errors() -> Iterator[None]:
    """slmtape's own errors as one sentence instead of a traceback."""
    try:
        yield
    except SlmtapeError as error:
        raise click.ClickException(error.message) from error
