"""`slmtape models`: what there is, what of it is on this machine, and what fits it."""

import click
from rich.console import Console
from rich.table import Table

from slmtape import models as sources
from slmtape.cli.check import TOKENS, check, megabytes
from slmtape.cli.options import told_errors
from slmtape.errors import ModelError
from slmtape.models.catalogue import MODELS
from slmtape.models.memory import need
from slmtape.models.progress import Lines, bar


@click.group()
def models() -> None:
    """The models that slmtape knows by name, and any other GGUF file."""


models.add_command(check)


@models.command("list")
def list_models() -> None:
    """What is known by name: how large it is, where it is, what it may be used for."""
    console = Console(highlight=False)
    table = Table(caption=f"memory: with a context of {TOKENS:,} tokens", caption_justify="left")
    for heading in ("model", "size", "memory", "here", "licence", "recommended for"):
        numeric = heading in ("size", "memory")
        table.add_column(
            heading, justify="right" if numeric else "left", no_wrap=heading == "model"
        )
    with told_errors():
        here = {name: sources.source(name).here(name) for name in MODELS}
    for name, known in MODELS.items():
        table.add_row(
            name,
            megabytes(known.size),
            megabytes(need(known.shape, TOKENS).peak),
            "yes" if here[name] else "[dim]no[/]",
            known.licence,
            known.recommended,
        )
    console.print(table)
    for name, files in here.items():
        if files:
            console.print(f"{name}: {files.path}", soft_wrap=True, markup=False)


@models.command()
@click.argument("names", nargs=-1, required=True)
def pull(names: tuple[str, ...]) -> None:
    """Download models, so that no test has to wait for them; newer versions of them as well."""
    console = Console(stderr=True)
    with told_errors():
        for name in names:
            source = sources.source(name)
            if console.is_terminal:
                with bar(console) as tell:
                    files = source.fetch(name, tell, newest=True)
            else:
                lines = Lines(lambda line: click.echo(line, err=True))
                files = source.fetch(name, lines, newest=True)
            click.echo(f"{name}: {megabytes(files.size)}, {files.path}")


@models.command()
@click.argument("name")
def path(name: str) -> None:
    """Where a model's file is; nothing is downloaded."""
    with told_errors():
        files = sources.source(name).here(name)
        if files is None:
            raise ModelError(
                f"{name} is not on this machine. Bring it with: slmtape models pull {name}"
            )
        click.echo(files.path)


@models.command()
@click.argument("names", nargs=-1, required=True)
def remove(names: tuple[str, ...]) -> None:
    """Delete downloaded models."""
    with told_errors():
        for name in names:
            freed = sources.source(name).remove(name)
            click.echo(f"{name}: {megabytes(freed)} freed" if freed else f"{name} was not here")
