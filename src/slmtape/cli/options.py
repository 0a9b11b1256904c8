"""What the commands share."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from slmtape.errors import SlmtapeError

cassettes_option = click.option(
    "--cassettes",
    type=click.Path(file_okay=False, path_type=Path),
    help="The directory of recordings.",
)
model_option = click.option(
    "--model", default="smollm2-135m", show_default=True, help="A model's name, or a .gguf file."
)
directory_argument = click.argument(
    "directory",
    metavar="[DIR]",
    default="cassettes",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@contextmanager
def told_errors() -> Iterator[None]:
    """slmtape's own errors as one sentence instead of a traceback."""
    try:
        yield
    except SlmtapeError as error:
        raise click.ClickException(error.message) from error
