"""`slmtape serve`: a server for programs that are not Python tests."""

import signal
import time
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape

from slmtape.call import Call
from slmtape.cli.options import cassettes_option, told_errors
from slmtape.modes import Mode
from slmtape.server import FakeLLMServer


@click.command()
@cassettes_option
@click.option(
    "--model",
    "models",
    multiple=True,
    default=["smollm2-135m"],
    show_default=True,
    help="A model's name, owner/repo, or a .gguf file. Repeatable.",
)
@click.option("--preload", is_flag=True, help="Download and load the models at once.")
@click.option("--mode", type=click.Choice([mode.value for mode in Mode]), help="The record mode.")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8080, show_default=True, help="0: any that is free.")
@click.option(
    "--alias",
    "aliases",
    multiple=True,
    help="Another name for the model; '*' for any; NAME=MODEL where there are several. Repeatable.",
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
@click.option("--reasoning-content", is_flag=True, help="Tell in chats what the model thought.")
def serve(
    cassettes: Path | None,
    models: list[str],
    aliases: list[str],
    api_key: str | None,
    **options: Any,
) -> None:
    """Serve the OpenAI API until Ctrl-C or SIGTERM, for programs that are not Python tests."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    console = Console(highlight=False)
    with (
        told_errors(),
        FakeLLMServer(
            model_names=models,
            cache=cassettes,
            aliases=dict(_alias(alias, models[0]) for alias in aliases),
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
                    for verdict in call.verdicts:
                        told = "\n".join([str(verdict.outcome), *verdict.lines()])
                        console.print(told, soft_wrap=True, markup=False)
        except KeyboardInterrupt:
            console.print("stopped")


def _alias(written: str, model: str) -> tuple[str, str]:
    name, _, target = written.partition("=")
    return name, target or model
