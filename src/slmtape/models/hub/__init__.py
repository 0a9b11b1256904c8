"""Models of the Hugging Face hub: by their short names, or as `owner/repo[@revision][:file]`."""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from slmtape.errors import ModelError
from slmtape.models.catalogue import MODELS, Model, OnHub
from slmtape.models.files import ModelFiles
from slmtape.models.hub.address import Address, parse
from slmtape.models.progress import Tell

if TYPE_CHECKING:
    from slmtape.models.hub.downloading import Hub


_fetched: dict[str, ModelFiles] = {}
"""What was checked in this process: a hub is not asked again for each server."""


def serves(model: str) -> bool:
    """Whether this is a model of this source."""
    return _address(model) is not None


def served_name(model: str) -> str:
    """The name it is served by: without its revision, since recordings outlive one."""
    return model if model in MODELS else _known_address(model).name


def here(model: str) -> ModelFiles | None:
    """The model's files, if they are in the cache. Asks no hub, and doesn't check them."""
    return _hub().cached(_known_address(model))


def fetch(model: str, tell: Tell, *, newest: bool = False) -> ModelFiles:
    """The model's files, downloaded where they are not in the cache yet, and checked.

    Where the address names no file, the hub is asked which to take, once per process; if it can't
    answer, the best of what is in the cache will do. `newest`: it is asked for a newer one.
    """
    if not newest and (known := _fetched.get(model)) and known.path.exists():
        return known
    _fetched[model] = files = _fetch(model, tell, newest=newest)
    return files


def _fetch(model: str, tell: Tell, *, newest: bool) -> ModelFiles:
    address, hub = _known_address(model), _hub()
    from slmtape.models.hub.complaints import HubUnreachable
    from slmtape.models.hub.downloading import Damaged

    files = hub.cached(address)
    if files and address.is_exact and not newest:
        with suppress(Damaged):
            return _fitting(model, hub.checked(address, files))
        files = None
    try:
        return _fitting(model, hub.download(address, tell))
    except HubUnreachable:
        if files is None:
            raise
        return _fitting(model, hub.checked(address, files))


def cache() -> Path:
    """The folder that downloads go to."""
    return _hub().cache


def remove(model: str) -> int:
    """Delete the model's files from the cache. Returns how many bytes that freed."""
    return _hub().remove(_known_address(model))


def _address(model: str) -> Address | None:
    known = MODELS.get(model)
    if known is None:
        return parse(model)
    origin = known.origin
    if not isinstance(origin, OnHub):
        return None
    return Address(origin.repository, origin.revision, origin.file, written=model)


def _known_address(model: str) -> Address:
    address = _address(model)
    assert address
    return address


def _hub() -> "Hub":
    try:
        from slmtape.models.hub.downloading import Hub
    except ModuleNotFoundError as error:
        raise ModelError(
            f"Models of a hub need {error.name}, which is not installed. "
            "Install it with: pip install 'slmtape[llama]'"
        ) from error
    return Hub()


def _fitting(model: str, files: ModelFiles) -> ModelFiles:
    """The files, if their size is what is expected of a model that is known by name."""
    known: Model | None = MODELS.get(model)
    if known and not known.least <= files.size <= known.most:
        raise ModelError(
            f"{files.path.name} has {files.size:,} bytes. As {model!r} it should have between "
            f"{known.least:,} and {known.most:,}: is it another file? Delete it with "
            f"`slmtape models remove {model}`, or name the file: owner/repo:file.gguf."
        )
    return files
