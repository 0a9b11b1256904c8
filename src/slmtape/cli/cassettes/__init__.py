"""`slmtape cassettes`: what is recorded, and whether it is true. A file is one of its commands."""

import click

from slmtape.cli.lazy import LazyGroup

COMMANDS = {
    "list": "slmtape.cli.cassettes.listing:list_",
    "show": "slmtape.cli.cassettes.show:show",
    "search": "slmtape.cli.cassettes.search:search",
    "stats": "slmtape.cli.cassettes.stats:stats",
    "check": "slmtape.cli.cassettes.check:check",
    "verify": "slmtape.cli.cassettes.verify:verify",
    "diff": "slmtape.cli.cassettes.diff:diff",
    "prune": "slmtape.cli.cassettes.prune:prune",
    "rename-model": "slmtape.cli.cassettes.rename_model:rename_model",
    "import": "slmtape.cli.cassettes.importing:import_",
}


@click.group(cls=LazyGroup, table=COMMANDS)
def cassettes() -> None:
    """The recordings of a directory."""
