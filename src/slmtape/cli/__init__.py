"""The command `slmtape`. A file here is one of its commands."""

from importlib import import_module

import click

import slmtape

COMMANDS = {
    "cassettes": "slmtape.cli.cassettes:cassettes",
    "demo": "slmtape.cli.demo:demo",
    "models": "slmtape.cli.models:models",
    "serve": "slmtape.cli.serve:serve",
}


class _Commands(click.Group):
    """Imports a command when it is used: some need much, and are not always wanted."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(slmtape.__version__)
def main() -> None:
    """A fake LLM server for tests: real answers from a small model, recorded, then replayed."""
