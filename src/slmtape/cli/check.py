"""`slmtape models check`: do models fit this machine?"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from slmtape import models as sources
from slmtape.cli.machine import Machine, expected_speed, machine, speed
from slmtape.cli.options import told_errors
from slmtape.errors import ModelError
from slmtape.models import hub
from slmtape.models.catalogue import MODELS
from slmtape.models.files import ModelFiles
from slmtape.models.header import shape
from slmtape.models.memory import need

TOKENS = 8192
"""The context that memory is told for."""

_COMPARED = "smollm2-135m"


@dataclass(frozen=True, slots=True)
class Fit:
    """How a model fits a machine. Sizes are bytes, `download` is 0 where it is here.

    `speed` is tokens per second, `estimated` where it is not this model that was tried out.
    """

    model: str
    memory: int
    download: int
    speed: float
    estimated: bool
    fits: bool


@click.command()
@click.argument("names", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="As JSON, in bytes and tokens per second.")
def check(names: tuple[str, ...], as_json: bool) -> None:
    """Do models fit this machine: its memory, its disk, and how fast are they on its cores?

    Those that are here are tried out for two seconds; of the others, the speed is estimated from
    that of the model that comes with slmtape. Exits with 1 where one does not fit.
    """
    with told_errors(), Console(stderr=True).status("trying out models …"):
        about = machine(hub.cache())
        fits = list(_fits(names or tuple(MODELS), about))
    if as_json:
        found = {"machine": asdict(about), "models": [asdict(fit) for fit in fits]}
        click.echo(json.dumps(found, indent=2))
    else:
        _show(about, fits)
    if not all(fit.fits for fit in fits):
        raise SystemExit(1)


def megabytes(size: int) -> str:
    """A size as people read it."""
    return f"{size / 1e6:,.0f} MB"


def _fits(names: tuple[str, ...], about: Machine) -> Iterator[Fit]:
    measured = speed(sources.find(_COMPARED).path)
    for name in names:
        files = sources.source(name).here(name)
        size, memory = _size(name, files)
        tried = files if memory < about.available else None
        yield Fit(
            model=name,
            memory=memory,
            download=0 if files else size,
            speed=_speed(name, tried, measured) if tried else _expected(size, measured),
            estimated=tried is None,
            fits=memory < about.available and (files is not None or size < about.disk),
        )


def _speed(name: str, files: ModelFiles, measured: float) -> float:
    return measured if name == _COMPARED else speed(files.path)


def _expected(size: int, measured: float) -> float:
    return expected_speed(size, measured, MODELS[_COMPARED].size)


def _size(name: str, files: ModelFiles | None) -> tuple[int, int]:
    """A model's size on disk, and the memory it needs, in bytes."""
    known = MODELS.get(name)
    if known:
        return known.size, need(known.shape, TOKENS).peak
    if files is None:
        raise ModelError(f"{name} is not here: slmtape models pull {name}")
    return files.size, need(shape(files), TOKENS).peak


def _show(about: Machine, fits: list[Fit]) -> None:
    console = Console(highlight=False)
    console.print(
        f"This machine: {about.cores} core{'s' * (about.cores != 1)}, "
        f"{megabytes(about.available)} of {megabytes(about.memory)} memory available, "
        f"{megabytes(about.disk)} of disk free."
    )
    table = Table(
        caption=f"memory: with a context of {TOKENS:,} tokens; ~: estimated",
        caption_justify="left",
    )
    table.add_column("model", no_wrap=True)
    for heading in ("memory", "to download", "tokens/s"):
        table.add_column(heading, justify="right")
    table.add_column("fits")
    for fit in fits:
        table.add_row(
            escape(fit.model),
            megabytes(fit.memory),
            megabytes(fit.download) if fit.download else "here",
            f"{'~' if fit.estimated else ''}{fit.speed:,.0f}",
            "yes" if fit.fits else "[red]no[/]",
        )
    console.print(table)
