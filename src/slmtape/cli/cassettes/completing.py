"""What a shell completes: keys and models, as file names tell them."""

import json
from contextlib import suppress
from pathlib import Path

import click
from click.shell_completion import CompletionItem

_DIRECTORY = "cassettes"


def complete_key(
    ctx: click.Context,
    param: click.Parameter,  # noqa: ARG001
    incomplete: str,
) -> list[CompletionItem]:
    """Keys that begin so, each with the words of its file's name; files where it is a path."""
    if "/" in incomplete:
        return [CompletionItem(incomplete, type="file")]
    names = sorted(path.stem.rpartition("-") for path in _files(ctx))
    return [CompletionItem(key, help=slug) for slug, _, key in names if key.startswith(incomplete)]


def complete_model(
    ctx: click.Context,
    param: click.Parameter,  # noqa: ARG001
    incomplete: str,
) -> list[CompletionItem]:
    """Models that begin so: each folder has one, which any file in it names."""
    folders = {path.parent: path for path in _files(ctx)}
    names = {_model(path) for path in folders.values()}
    return [CompletionItem(name) for name in sorted(names) if name and name.startswith(incomplete)]


def _files(ctx: click.Context) -> list[Path]:
    directory = _directory(ctx)
    return [path for path in directory.rglob("*.json") if not path.name.startswith(".")]


def _directory(ctx: click.Context) -> Path:
    """The one on the line so far, which click leaves in `args`; else the one that is usual."""
    given = [Path(argument) for argument in ctx.args]
    return next((path for path in given if path.is_dir()), Path(_DIRECTORY))


def _model(path: Path) -> str:
    with suppress(OSError, ValueError, KeyError, TypeError):
        return str(json.loads(path.read_bytes())["model"]["name"])
    return ""
