"""`python -m benchmarks`: measure everything, print a table, write JSON and the README's table."""

import os
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import click
from rich.console import Console

from benchmarks import forcing, generating, replaying, servers, starting
from benchmarks.results import Figure, markdown, table, write

README = Path("README.md")
RESULTS = Path("benchmarks") / "results.json"


@click.command()
@click.option("--json", "path", type=click.Path(path_type=Path), help="Write JSON here only.")
@click.option("--only", type=click.Choice(["replaying", "starting", "generating", "forcing"]))
def main(path: Path | None, only: str | None) -> None:
    """Measure what the README claims, and write it there. Takes about six minutes."""
    console = Console()
    figures: list[Figure] = []
    if not servers.has_node():
        console.print("Node is missing: aimock is left out.")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sections: dict[str, Callable[[], Iterator[Figure]]] = {
            "generating": lambda: generating.run(os.getpid()),
            "forcing": forcing.run,
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
    if path:
        write(path, figures)
    elif not only:
        write(RESULTS, figures)
        readme = README.read_text(encoding="utf-8")
        shown = re.compile(r"(<!-- benchmarks -->\n).*(<!-- /benchmarks -->)", re.DOTALL)
        readme = shown.sub(lambda found: found[1] + markdown(figures) + found[2], readme)
        README.write_text(readme, encoding="utf-8")
        console.print(f"written to {RESULTS} and {README}")


if __name__ == "__main__":
    main()
