"""The files of a cassette directory, as they are on the disk or in a commit: texts by name."""

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from slmtape.cli.cassettes.git import GitError, git
from slmtape.stores.cassettes import files

Side = Mapping[str, bytes]
"""What every recording's file holds, by its name below the directory."""


def directory(path: Path) -> Side:
    """The files that are there now; none where there is no such directory."""
    if not path.is_dir():
        return {}
    return {_shown(name): (path / name).read_bytes() for name, _ in files.files(path)}


@dataclass(frozen=True, slots=True)
class Repository:
    """The git repository in which a directory is, or would be. `prefix`: where in it that is."""

    top: Path
    prefix: str

    def commit(self, revision: str) -> str:
        """The id of a commit. Raises GitError where there is none by that name."""
        if not revision.startswith("-"):
            name = f"{revision}^{{commit}}"
            found = self._run("rev-parse", "--verify", "--quiet", name, check=False)
            if found.returncode == 0:
                return found.stdout.decode().strip()
        raise GitError(f"git knows no commit {revision!r}.")

    def merge_base(self, one: str, other: str) -> str:
        """The commit from which two went apart. Raises GitError."""
        found = self._run("merge-base", self.commit(one), self.commit(other), check=False)
        if found.returncode:
            raise GitError(f"{one!r} and {other!r} have no commit in common.")
        return found.stdout.decode().split()[0]

    def side(self, revision: str) -> Side:
        """The files that the directory has in a commit; none where it isn't there."""
        commit = self.commit(revision)
        listed = self._run(
            "--literal-pathspecs", "ls-tree", "-r", "-z", "--full-tree", commit, "--", self.prefix
        )
        found = dict(_blobs(listed.stdout, self.prefix))
        return dict(zip(found, self._contents(list(found.values())), strict=True))

    def _contents(self, ids: Sequence[str]) -> Iterator[bytes]:
        """What the blobs with these ids hold."""
        asked = "".join(f"{one}\n" for one in ids).encode()
        told = self._run("cat-file", "--batch", given=asked).stdout
        place = 0
        for _ in ids:
            end = told.index(b"\n", place)
            size = int(told[place:end].split()[2])
            yield told[end + 1 : end + 1 + size]
            place = end + 1 + size + 1

    def _run(
        self, *arguments: str, given: bytes = b"", check: bool = True
    ) -> subprocess.CompletedProcess[bytes]:
        return git(self.top, *arguments, given=given, check=check)


def repository(path: Path) -> Repository:
    """Where a directory belongs, which need not be there. Raises GitError."""
    there = path = Path(os.path.abspath(path))  # noqa: PTH100 (links are kept)
    while not there.is_dir():
        there = there.parent
    told = git(there, "rev-parse", "--show-toplevel", "--show-prefix").stdout
    top, prefix = os.fsdecode(told).split("\n")[:2]
    below = path.relative_to(there).as_posix()
    whole = PurePosixPath(prefix) / below
    return Repository(Path(top), "" if whole == PurePosixPath() else f"{whole}/")


def _blobs(listed: bytes, prefix: str) -> Iterator[tuple[str, str]]:
    """The names of recordings in what `ls-tree` lists, and the ids of their contents."""
    for line in listed.split(b"\0"):
        about, tab, path = line.partition(b"\t")
        if not tab:
            continue
        mode, kind, blob = about.decode().split()
        name = os.fsdecode(path).removeprefix(prefix)
        hidden = any(part.startswith(".") for part in name.split("/"))
        if kind == "blob" and mode.startswith("100") and name.endswith(".json") and not hidden:
            yield _shown(name), blob


def _shown(name: str) -> str:
    """The name as text, whatever bytes it is of."""
    return os.fsencode(name).decode(errors="backslashreplace")
