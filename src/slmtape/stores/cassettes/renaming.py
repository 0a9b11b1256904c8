"""Recordings of one model become another's: all of them, or none."""

import contextlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from slmtape.errors import CassetteError
from slmtape.generation import Recording
from slmtape.keys import json_text, key
from slmtape.stores.cassettes import files, recording_file
from slmtape.stores.cassettes.files import recordings
from slmtape.stores.cassettes.replays import renamed

_KEY = re.compile(r'("key"\s*:\s*)"[0-9a-f]*"')
_MODEL = re.compile(r'("model"\s*:\s*\{\s*"name"\s*:\s*)"(?:[^"\\]|\\.)*"')


@dataclass(frozen=True, slots=True)
class Move:
    """A file and what becomes of it: another path and text, and the key that its request has."""

    path: Path
    text: str
    key: str
    new_path: Path
    new_text: str
    new_key: str


def models(directory: Path) -> Mapping[str, int]:
    """How many recordings there are of each model. Raises CassetteError where one is damaged."""
    counts: dict[str, int] = {}
    for _, recording in _sound(directory):
        counts[recording.request.model] = counts.get(recording.request.model, 0) + 1
    return counts


def plan(directory: Path, old: str, new: str) -> list[Move]:
    """What is to be done, in the order of files; nothing is touched.

    Raises CassetteError where a file is damaged, or where `new` has a recording already of what
    `old` has one of.
    """
    found = _sound(directory)
    moves = [
        _move(directory, path, recording, new)
        for path, recording in found
        if recording.request.model == old
    ]
    staying = {one.key: path for path, one in found if one.request.model != old}
    conflicts = [line for move in moves for line in _conflict(move, staying)]
    if conflicts:
        raise CassetteError("\n".join([*conflicts, "Nothing was renamed. Delete one of each two."]))
    return moves


def carry_out(directory: Path, moves: Sequence[Move]) -> None:
    """Have the files renamed. Raises CassetteError; then everything is as it was."""
    folders = {move.path.parent for move in moves}
    try:
        _carry_out(moves)
    except OSError as error:
        folders = {move.new_path.parent for move in moves}
        raise CassetteError(f"Nothing was renamed: {error}.") from error
    finally:
        for folder in folders - {directory}:
            files.remove_if_empty(folder)
    renamed(directory, {move.key: move.new_key for move in moves})


def _carry_out(moves: Sequence[Move]) -> None:
    begun = []
    try:
        for move in moves:
            move.new_path.parent.mkdir(parents=True, exist_ok=True)
            begun.append(move)
            files.write(move.new_path, move.new_text)
        for move in moves:
            if move.path != move.new_path:
                move.path.unlink()
    except BaseException:
        for move in begun:
            with contextlib.suppress(OSError):
                _undo(move)
        raise


def _undo(move: Move) -> None:
    if not move.path.exists() or move.path == move.new_path:
        files.write(move.path, move.text)
    if move.path != move.new_path:
        move.new_path.unlink(missing_ok=True)


def _sound(directory: Path) -> list[tuple[Path, Recording]]:
    """Every recording. Raises CassetteError, which names all files that are damaged."""
    found, damage = [], []
    for path, one in recordings(directory):
        if isinstance(one, CassetteError):
            damage.append(one.message)
        else:
            found.append((path, one.recording))
    if damage:
        raise CassetteError("\n".join(damage))
    return found


def _move(directory: Path, path: Path, recording: Recording, new: str) -> Move:
    request = replace(recording.request, model=new)
    model = replace(recording.model, name=new)
    after = replace(recording, key=key(request), model=model, request=request)
    text = path.read_bytes().decode()
    return Move(
        path=path,
        text=text,
        key=recording.key,
        new_path=directory / _place(path.relative_to(directory).as_posix(), recording, after),
        new_text=_text(path, text, after),
        new_key=after.key,
    )


def _place(name: str, before: Recording, after: Recording) -> PurePosixPath:
    """Its new name; who put it into another folder, or gave it another name, finds it there."""
    place = PurePosixPath(name)
    usual, becomes = (PurePosixPath(recording_file.file_name(one)) for one in (before, after))
    folder = becomes.parent if place.parent == usual.parent else place.parent
    return folder / place.name.replace(before.key, after.key)


def _text(path: Path, text: str, after: Recording) -> str:
    """The file's text with another key and model, and nothing else changed: people edit it."""
    changed = _KEY.sub(lambda found: f'{found[1]}"{after.key}"', text, count=1)
    changed = _MODEL.sub(lambda found: f"{found[1]}{json_text(after.model.name)}", changed, count=1)
    try:
        kept = recording_file.read(changed) == after
    except ValueError:
        kept = False
    if not kept:
        raise CassetteError(
            f"{path} can't be renamed: its key and model are not where slmtape writes them. "
            "Delete it and record anew."
        )
    return changed


def _conflict(move: Move, staying: Mapping[str, Path]) -> list[str]:
    if other := staying.get(move.new_key):
        return [f"{move.path} can't be renamed: {other} records the same request."]
    if move.new_path.exists() and move.new_path != move.path:
        return [f"{move.path} can't be renamed: there is a file {move.new_path}."]
    return []
