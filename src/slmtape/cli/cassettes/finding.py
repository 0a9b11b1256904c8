"""Which recordings a command is about."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from slmtape.errors import CassetteError
from slmtape.generation import Recording
from slmtape.stores.cassettes import files
from slmtape.stores.cassettes.files import Recorded, recordings

_SHORTEST = 7
_NEAREST = 3


@dataclass(frozen=True, slots=True)
class Cassette:
    """All files of a directory in order: recordings, and what is wrong with the others."""

    directory: Path
    recordings: dict[Path, Recording] = field(default_factory=dict)
    damaged: dict[Path, CassetteError] = field(default_factory=dict)

    def name(self, path: Path) -> str:
        """The file's name below the directory."""
        return path.relative_to(self.directory).as_posix()


def cassette(directory: Path) -> Cassette:
    """Everything that is recorded in a directory."""
    found = Cassette(directory)
    for path, one in recordings(directory):
        if isinstance(one, Recorded):
            found.recordings[path] = one.recording
        else:
            found.damaged[path] = one
    return found


def short(keys: Sequence[str]) -> dict[str, str]:
    """Keys to beginnings of theirs by which `show` finds them, all of one length: 7 or more."""
    length = _SHORTEST
    while len({key[:length] for key in keys}) < len(set(keys)):
        length += 1
    return {key: key[:length] for key in keys}


def meant(key: str, directory: Path) -> list[Path]:
    """The files that somebody may mean by a key, its beginning, a path, or a file's name."""
    for path in (Path(key), directory / key):
        if path.is_file():
            return [path]
    paths = _paths(directory)
    named = [path for path in paths if key == path.name or key_of(path).startswith(key)]
    return named or [
        path
        for path, recording in cassette(directory).recordings.items()
        if recording.key.startswith(key)
    ]


def nearest(key: str, directory: Path) -> list[Path]:
    """Files that somebody who named none may have meant: the best first, 3 at most."""
    paths = _paths(directory)
    words = "-".join(key.lower().split())
    named = [path for path in paths if words in path.name]
    like = difflib.get_close_matches(key, [key_of(path) for path in paths], _NEAREST)
    alike = [path for one in like for path in paths if key_of(path) == one]
    return list(dict.fromkeys([*named, *alike]))[:_NEAREST]


def key_of(path: Path) -> str:
    """The key, as a recording's file name ends in it."""
    return path.stem.rpartition("-")[2]


def _paths(directory: Path) -> list[Path]:
    return [directory / name for name, _ in sorted(files.files(directory))]
