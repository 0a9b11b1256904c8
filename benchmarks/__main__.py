"""`python -m benchmarks`: measure everything, print it, write JSON and the README's tables."""

import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import click
from rich.console import Console

from benchmarks import (
    clients,
    forcing,
    generating,
    llama_server,
    memory,
    repeating,
    replaying,
    servers,
    sharing,
    starting,
    tested,
)
from benchmarks.results import Figure, markdown, read, table, write
from benchmarks.tested import Model

README = Path("README.md")
RESULTS = Path("benchmarks") / "results.json"
_PLACE = click.Path(exists=True, path_type=Path)

Measure = Callable[[], Iterator[Figure]]

SECTIONS = {
    "replaying": "Replays over HTTP",
    "starting": "What a test pays",
    "generating": "Live answers, against a bare loop over llama_cpp",
    "forcing": "Answers forced into JSON",
    "llama-server": "Ten requests, against llama.cpp's own server",
    "repeating": "An agent's loop of ten turns",
    "clients": "Many clients of one server",
    "sharing": "Many processes on the same cores",
    "memory": "Memory",
}
"""What is measured, and its heading."""


@click.command()
@click.option("--json", "path", type=click.Path(path_type=Path), help="Write JSON here only.")
@click.option("--only", type=click.Choice(list(SECTIONS)), help="Measure this part.")
@click.option(
    "--models", "place", type=_PLACE, help="Where `python -m tests.large.packages` put the models."
)
@click.option("--llama-server", "program", type=_PLACE, help="llama.cpp's, instead of building it.")
def main(path: Path | None, only: str | None, place: Path | None, program: Path | None) -> None:
    """Measure what the README claims, and write it there, part by part.

    Takes about forty minutes. What was measured before of other parts stays.
    """
    console = Console()
    figures = [] if path else read(RESULTS)
    with tempfile.TemporaryDirectory() as name:
        parts = _parts(Path(name), place, program)
        for part in [only] if only else SECTIONS:
            with console.status(part):
                told = [replace(one, section=SECTIONS[part]) for one in parts[part]()]
            console.print(table(told))
            figures = [one for one in figures if one.section != SECTIONS[part]] + told
            figures.sort(key=_section)
            _keep(figures, path)
    console.print(f"written to {path or f'{RESULTS} and {README}'}")


def _section(figure: Figure) -> int:
    return list(SECTIONS.values()).index(figure.section)


def _keep(figures: Sequence[Figure], path: Path | None) -> None:
    write(path or RESULTS, figures)
    if not path:
        _show(figures)


def _parts(folder: Path, place: Path | None, program: Path | None) -> dict[str, Measure]:
    """How each part is measured, with the models that are here."""
    both = tested.here(tested.smollm2(), tested.qwen(place))
    three = tested.here(*both, tested.gemma(place))
    return {
        "replaying": lambda: replaying.run(folder),
        "starting": lambda: starting.run(folder),
        "generating": partial(_each, generating.run, both),
        "forcing": forcing.run,
        "llama-server": lambda: _against_llama_server(program, both),
        "repeating": partial(_each, repeating.run, both),
        "clients": partial(_each, clients.run, both),
        "sharing": partial(_each, sharing.run, both),
        "memory": partial(_each, memory.run, three),
    }


def _each(run: Callable[[Model], Iterator[Figure]], models: Sequence[Model]) -> Iterator[Figure]:
    for model in models:
        yield from run(model)


def _against_llama_server(program: Path | None, models: Sequence[Model]) -> Iterator[Figure]:
    try:
        built = program or servers.built_llama_server()
    except subprocess.CalledProcessError as error:
        print(f"llama-server is left out: it can't be built ({error}).")
        return iter(())
    return _each(partial(llama_server.run, built), models)


def _show(figures: Sequence[Figure]) -> None:
    """Put the tables into the README."""
    readme = README.read_text(encoding="utf-8")
    shown = re.compile(r"(<!-- benchmarks -->\n).*(<!-- /benchmarks -->)", re.DOTALL)
    readme = shown.sub(lambda found: found[1] + markdown(figures) + found[2], readme)
    README.write_text(readme, encoding="utf-8")


if __name__ == "__main__":
    main()
