"""`python -m benchmarks [--json FILE]`: measure everything, print a table, write JSON."""

import json
import os
import platform
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import click
from rich.console import Console

import slmtape
from benchmarks import generating, replaying, servers, starting
from benchmarks.results import Figure, table


@click.command()
@click.option(
    "--json",
    "path",
    type=click.Path(path_type=Path),
    default="benchmarks/results.json",
    show_default=True,
)
@click.option("--only", type=click.Choice(["replaying", "starting", "generating"]))
def main(path: Path, only: str | None) -> None:
    """Measure what the README claims. Takes about two minutes."""
    console = Console()
    figures: list[Figure] = []
    if not servers.has_node():
        console.print("Node is missing: aimock is left out.")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sections: dict[str, Callable[[], Iterator[Figure]]] = {
            "generating": lambda: generating.run(os.getpid()),
            "replaying": lambda: replaying.run(folder),
            "starting": lambda: starting.run(folder),
        }
        if only == "starting":
            servers.record(folder / "one", 1)
            servers.record(folder / "many", replaying.MANY)
        for section, run in sections.items():
            if only in (None, section):
                with console.status(section):
                    figures.extend(run())
    console.print(table(figures))
    path.write_text(
        json.dumps(
            {
                "slmtape": slmtape.__version__,
                "python": platform.python_version(),
                "cores": os.cpu_count(),
                "figures": [one.as_dict() for one in figures],
            },
            indent=2,
            ensure_ascii=False,
        )
        + "\n",
        encoding="utf-8",
    )
    console.print(f"written to {path}")


if __name__ == "__main__":
    main()
