"""A model's file on this machine, or the parts that it is split into."""

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

_PART = re.compile(r"(.*)-(\d{5})-of-(\d{5})\.gguf", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model's GGUF file, or its parts in their order. `digests` are their SHA-256 where known."""

    paths: tuple[Path, ...]
    digests: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        """The file to load: the first part knows the others."""
        return self.paths[0]

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(path.stat().st_size for path in self.paths)

    def sha256(self) -> str:
        """The file's SHA-256 in hex; that of its parts' (in hex, a line each) where it is split."""
        digests = self.digests or tuple(digest(path) for path in self.paths)
        if len(digests) == 1:
            return digests[0]
        return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def digest(path: Path) -> str:
    """A file's SHA-256 in hex. Read once per process, unless it changes."""
    about = path.stat()
    return _digest(path, (about.st_size, about.st_mtime_ns))


def parts(name: str) -> list[str]:
    """The names of all parts of a file that is split, from any part's; else just the name.

    The name may have folders before it, with slashes.
    """
    path = PurePosixPath(name)
    found = _PART.fullmatch(path.name)
    if not found or not int(found[3]):
        return [name]
    stem, _, count = found.groups()
    return [
        str(path.with_name(f"{stem}-{number:05}-of-{count}.gguf"))
        for number in range(1, int(count) + 1)
    ]


@lru_cache(maxsize=64)
def _digest(path: Path, version: object) -> str:  # noqa: ARG001
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
