"""`slmtape cassettes rename-model`: what was recorded of one model, as another's."""

import json
from collections.abc import Sequence
from pathlib import Path

import click

from slmtape.cli.cassettes import tables
from slmtape.cli.cassettes.completing import complete_model
from slmtape.cli.options import directory_argument, told_errors
from slmtape.stores.cassettes.renaming import Move, carry_out, models, plan


@click.command("rename-model")
@click.argument("old", shell_complete=complete_model)
@click.argument("new", shell_complete=complete_model)
@directory_argument
@click.option("--dry-run", is_flag=True, help="Only show what would be renamed.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def rename_model(old: str, new: str, directory: Path, dry_run: bool, as_json: bool) -> None:
    """Have what is recorded of the model OLD in DIR (cassettes) be recorded of NEW.

    The model is part of what a request is found by, so files get other keys and names. Nothing
    else in them changes: git follows them as renames. It is done for all of them or for none.

    Exits with 1 where NEW has a recording already of what OLD has one of, or where a file is
    damaged; with 2 where the command was wrong.
    """
    with told_errors():
        recorded = models(directory)
        if old not in recorded:
            raise click.UsageError(
                f"Nothing is recorded of a model {old!r}. Recorded: "
                f"{', '.join(sorted(recorded)) or 'none'}."
            )
        if old == new:
            raise click.UsageError("OLD and NEW are the same name.")
        moves = plan(directory, old, new)
        if not dry_run:
            carry_out(directory, moves)
    if as_json:
        click.echo(_json(moves, directory, dry_run))
        return
    _show(moves)
    many = "One recording" if len(moves) == 1 else f"{len(moves)} recordings"
    done = "would be" if dry_run else "is now" if len(moves) == 1 else "are now"
    click.echo(f"{many} of {old} {done} of {new}.")


def _show(moves: Sequence[Move]) -> None:
    table = tables.table("recording", "key", "becomes", cut=["recording"])
    for move in moves:
        slug = move.path.stem.removesuffix(move.key).rstrip("-")
        table.add_row(tables.folded(slug), *map(tables.cell, (move.key, move.new_key)))
    tables.console().print(table, "")


def _json(moves: Sequence[Move], directory: Path, dry_run: bool) -> str:
    renamed = [
        {
            "recording": move.path.as_posix(),
            "becomes": move.new_path.as_posix(),
            "key": move.key,
            "new_key": move.new_key,
        }
        for move in moves
    ]
    told = {"directory": directory.as_posix(), "dry_run": dry_run, "renamed": renamed}
    return json.dumps(told, indent=2, ensure_ascii=False)
