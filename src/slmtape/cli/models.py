"""`slmtape models`: what there is, and what of it is on this machine."""

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from slmtape import models as sources
from slmtape.cli.options import told_errors
from slmtape.models.catalogue import MODELS
from slmtape.models.progress import Lines, bar


@click.group()
def models() -> None:
    """The models that slmtape knows by name, and any other GGUF file."""


@models.command("list")
def list_models() -> None:
    """What is known by name: how large it is, where it is, what it may be used for."""
    table = Table()
    table.add_column("model", no_wrap=True)
    table.add_column("size", justify="right")
    table.add_column("memory", justify="right")
    table.add_column("licence")
    table.add_column("recommended for")
    table.add_column("where it is", overflow="fold")
    with told_errors():
        for name, known in MODELS.items():
            files = sources.source(name).here(name)
            size = files.size if files else known.size
            table.add_row(
                name,
                f"{size / 1e6:,.0f} MB",
                f"{known.size / 1e6:,.0f} MB",
                known.licence,
                known.recommended,
                escape(str(files.path)) if files else "[dim]not here[/]",
            )
    Console(highlight=False).print(table)


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
            click.echo(f"{name}: {files.size / 1e6:,.0f} MB, {files.path}")


@models.command()
@click.argument("name")
def path(name: str) -> None:
    """Where a model's file is; nothing is downloaded."""
    with told_errors():
        files = sources.source(name).here(name)
        if files is None:
            raise click.ClickException(
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
            click.echo(f"{name}: {freed / 1e6:,.0f} MB freed" if freed else f"{name} was not here")
