"""`slmtape cassettes show`: a recording as the conversation that it is."""

from pathlib import Path

import click

from slmtape.cli.cassettes import conversation
from slmtape.cli.cassettes.completing import complete_key
from slmtape.cli.cassettes.finding import meant, nearest
from slmtape.cli.cassettes.tables import console
from slmtape.cli.options import directory_argument, told_errors
from slmtape.stores.cassettes import files
from slmtape.stores.cassettes.replays import replays


@click.command()
@click.argument("key", shell_complete=complete_key)
@directory_argument
@click.option("--json", "as_json", is_flag=True, help="Print the file as it is.")
def show(key: str, directory: Path, as_json: bool) -> None:
    """Show a recording of DIR (cassettes) as a conversation.

    KEY is its key, as `slmtape cassettes list` tells it, as much of its beginning as no other has,
    or the path of its file.

    Exits with 1 where there is no such recording, or its file is damaged; with 2 where there are
    several, or the command was wrong.
    """
    path = _one(key, directory)
    with told_errors():
        recording = files.read(path).recording
        tests = sorted(
            {one.test for one in replays(directory) if one.key == recording.key and one.test}
        )
    if as_json:
        click.echo(path.read_text(encoding="utf-8"), nl=False)
        return
    out = console()
    for part in conversation.parts(path, recording, tests):
        out.print(part)


def _one(key: str, directory: Path) -> Path:
    found = meant(key, directory)
    if len(found) > 1:
        raise click.UsageError(_several(f"Several recordings have a key like {key}:", found))
    if not found:
        near = nearest(key, directory)
        said = f"No recording in {directory} has the key {key}."
        raise click.ClickException(_several(f"{said} The nearest:", near) if near else said)
    return found[0]


def _several(said: str, paths: list[Path]) -> str:
    return "\n".join([said, *(f"  {path}" for path in paths)])
