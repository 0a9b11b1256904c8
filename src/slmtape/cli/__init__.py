"""The command `slmtape`. A file here is one of its commands."""

import click

import slmtape
from slmtape.cli.lazy import LazyGroup

COMMANDS = {
    "cassettes": "slmtape.cli.cassettes:cassettes",
    "completion": "slmtape.cli.completion:completion",
    "demo": "slmtape.cli.demo:demo",
    "models": "slmtape.cli.models:models",
    "serve": "slmtape.cli.serve:serve",
}


@click.group(
    cls=LazyGroup, table=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(slmtape.__version__)
def main() -> None:
    """A fake LLM server for tests: real answers from a small model, recorded, then replayed."""
