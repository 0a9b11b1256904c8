"""`slmtape cassettes`: what is recorded, and whether it is true. A file is one of its commands."""

import click

from slmtape.cli.cassettes.diff import diff
from slmtape.cli.cassettes.importing import import_
from slmtape.cli.cassettes.prune import prune
from slmtape.cli.cassettes.rename_model import rename_model
from slmtape.cli.cassettes.verify import verify


@click.group()
def cassettes() -> None:
    """The recordings of a directory."""


cassettes.add_command(verify)
cassettes.add_command(rename_model)
cassettes.add_command(import_)
cassettes.add_command(diff)
cassettes.add_command(prune)
