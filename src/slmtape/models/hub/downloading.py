"""Files of the Hugging Face hub: looked for in its cache, downloaded, checked before use.

All of it is huggingface_hub's: its cache, its settings (`HF_HOME`, `HF_TOKEN`, `HF_ENDPOINT`,
`HF_HUB_OFFLINE`), its locks between processes. What is added: every file's SHA-256 is checked
once, and whatever goes wrong is told in a sentence.
"""

import io
import logging
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import huggingface_hub
from huggingface_hub import constants
from tqdm import tqdm

from slmtape.errors import ModelError
from slmtape.models.files import ModelFiles, digest, parts
from slmtape.models.hub.address import Address
from slmtape.models.hub.choice import choose
from slmtape.models.hub.complaints import told
from slmtape.models.progress import Progress, Tell

logger = logging.getLogger("slmtape")

_PATIENCE = 10
"""Seconds that a hub may take to list a repository's files."""

_SHA256 = re.compile(r"[0-9a-f]{64}")


class Damaged(ModelError):
    """A file is not what the hub said it is. It has been deleted."""


@dataclass(frozen=True, slots=True)
class _Listed:
    """What a hub says of a file: its bytes, and its digest where it is a large one."""

    size: int
    sha256: str | None


@dataclass(frozen=True, slots=True)
class Hub:
    """A hub, the cache of what came from it, and a place for notes about that.

    By default those that huggingface_hub has.
    """

    endpoint: str = constants.ENDPOINT
    cache: Path = Path(constants.HF_HUB_CACHE)
    assets: Path = Path(constants.HF_ASSETS_CACHE)

    def cached(self, address: Address) -> ModelFiles | None:
        """The files of an address, if they are in the cache. Whether they are whole is not asked.

        Where the address names no file, that is what would be chosen of what is there.
        """
        names = _named(address) or choose(self._cached_names(address), address.file)
        paths = [self._path(address, name) for name in names]
        found = [path for path in paths if path]
        if not found or len(found) < len(paths):
            return None
        digests = tuple(filter(None, map(_expected, found)))
        return ModelFiles(tuple(found), digests if len(digests) == len(found) else ())

    def download(self, address: Address, tell: Tell) -> ModelFiles:
        """The files of an address, from the cache where they are in it, checked.

        Raises ModelError, in a sentence that says what to do.
        """
        with told(address, self.endpoint, self.cache):
            listed = self._listed(address)
            names = choose(listed, address.file)
            if not names:
                raise ModelError(_nothing(address, listed))
            self._make_room(address, {name: listed[name].size for name in names})
            paths = [self._download(address, name, listed[name].size, tell) for name in names]
            if len({path.parent for path in paths}) > 1:
                raise ModelError(f"{address} changed while it was downloaded; try again.")
            named = zip(paths, names, strict=True)
            digests = [_expected(path) or listed[name].sha256 for path, name in named]
        known = tuple(filter(None, digests))
        files = ModelFiles(tuple(paths), known if len(known) == len(paths) else ())
        return self.checked(address, files)

    def checked(self, address: Address, files: ModelFiles) -> ModelFiles:
        """The files, if they are what the hub said they are. Raises Damaged."""
        for path, expected in zip(files.paths, files.digests, strict=bool(files.digests)):
            if not self._is_whole(path, expected):
                with told(address, self.endpoint, self.cache):
                    _delete(path)
                raise Damaged(
                    f"{path.name} arrived damaged: its SHA-256 is not {expected}, as the hub says. "
                    "It is deleted; try again."
                )
        return files

    def remove(self, address: Address) -> int:
        """Delete the files of an address from the cache. Returns how many bytes that freed."""
        files = self.cached(address)
        if not files:
            return 0
        # What is scanned is told by resolved paths.
        paths = {path.parent.resolve() / path.name for path in files.paths}
        known = huggingface_hub.scan_cache_dir(self.cache)
        gone = [
            file
            for repository in known.repos
            for revision in repository.revisions
            for file in revision.files
            if file.file_path in paths
        ]
        strategy = known.delete_files(*gone)
        strategy.execute()
        return int(strategy.expected_freed_size)

    def _path(self, address: Address, name: str) -> Path | None:
        found = huggingface_hub.try_to_load_from_cache(
            address.repository, name, cache_dir=self.cache, revision=address.revision
        )
        return Path(found) if isinstance(found, str) else None

    def _cached_names(self, address: Address) -> list[str]:
        """The files of that revision that are in the cache."""
        with suppress(huggingface_hub.CacheNotFound):
            for repository in huggingface_hub.scan_cache_dir(self.cache).repos:
                if (repository.repo_type, repository.repo_id) == ("model", address.repository):
                    return [
                        file.file_path.relative_to(revision.snapshot_path).as_posix()
                        for revision in repository.revisions
                        if address.revision in (*revision.refs, revision.commit_hash)
                        for file in revision.files
                    ]
        return []

    def _listed(self, address: Address) -> dict[str, _Listed]:
        """The files that the hub has at that address."""
        info = huggingface_hub.HfApi(endpoint=self.endpoint).model_info(
            address.repository, revision=address.revision, files_metadata=True, timeout=_PATIENCE
        )
        return {
            file.rfilename: _Listed(file.size or 0, file.lfs.sha256 if file.lfs else None)
            for file in info.siblings or ()
        }

    def _make_room(self, address: Address, sizes: Mapping[str, int]) -> None:
        needed = sum(size for name, size in sizes.items() if not self._path(address, name))
        folder = next(folder for folder in (self.cache, *self.cache.parents) if folder.is_dir())
        free = shutil.disk_usage(folder).free
        if needed > free:
            raise ModelError(
                f"{address} takes {needed / 1e6:,.0f} MB, and the disk of {self.cache} has "
                f"{free / 1e6:,.0f} MB left. Free some of it, or set HF_HOME to another."
            )

    def _download(self, address: Address, name: str, size: int, tell: Tell) -> Path:
        logger.info("%s of %s: %.0f MB", name, address.repository, size / 1e6)
        return Path(
            huggingface_hub.hf_hub_download(
                address.repository,
                name,
                revision=address.revision,
                cache_dir=self.cache,
                endpoint=self.endpoint,
                library_name="slmtape",
                tqdm_class=_telling(tell, name, size),
            )
        )

    def _is_whole(self, path: Path, expected: str) -> bool:
        """Whether a file has this SHA-256. It is read for that once, and a note of it kept."""
        about = path.stat()
        seen = f"{about.st_size} {about.st_mtime_ns}"
        note = self.assets / "slmtape" / "checked" / expected
        with suppress(OSError):
            if note.read_text() == seen:
                return True
        if digest(path) != expected:
            return False
        with suppress(OSError):
            note.parent.mkdir(parents=True, exist_ok=True)
            note.write_text(seen)
        return True


def _named(address: Address) -> Sequence[str]:
    """The files that an address names."""
    return parts(address.file) if address.file and address.is_exact else ()


def _nothing(address: Address, names: Iterable[str]) -> str:
    models = sorted(name for name in names if name.endswith(".gguf"))
    wanted = f"no file for {address.file!r}" if address.file else "no GGUF file that is a model"
    has = f" It has: {', '.join(models)}." if models else ""
    return f"The repository {address.repository} has {wanted}.{has}"


def _expected(path: Path) -> str | None:
    """The SHA-256 of a file as the hub told it: its link in the cache leads to a file named so."""
    if not path.is_symlink():
        return None
    name = path.readlink().name
    return name if _SHA256.fullmatch(name) else None


def _delete(path: Path) -> None:
    """Delete a file of the cache and what its link leads to, so that it is downloaded again."""
    linked = [path.resolve(), path.parent / path.readlink()] if path.is_symlink() else []
    for one in (*linked, path):
        one.unlink(missing_ok=True)


def _telling(tell: Tell, name: str, total: int) -> type[tqdm]:
    """A progress bar as huggingface_hub wants it, which tells instead of showing."""
    bars: list[tqdm] = []

    class Telling(tqdm):
        monitor_interval = 0

        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **{**options, "file": _Nowhere()})
            bars.append(self)

        def update(self, n: float | None = 1) -> None:
            super().update(n)
            # Some transfers have a bar for what came over the network, and one for the disk.
            tell(Progress(name, min(int(max(bar.n for bar in bars)), total), total))

    return Telling


class _Nowhere(io.TextIOBase):
    def write(self, text: str) -> int:
        return len(text)
