"""Models that are files on this machine."""

import re
from contextlib import suppress
from pathlib import Path

from slmtape.errors import ModelError
from slmtape.models.files import ModelFiles, parts
from slmtape.models.progress import Tell


def serves(model: str) -> bool:
    """Whether this is a path to a GGUF file."""
    return model.endswith(".gguf")


def served_name(model: str) -> str:
    """The file's name, so that recordings made on one machine replay on another."""
    return re.sub(r"-\d{5}-of-\d{5}$", "", Path(model).stem)


def here(model: str) -> ModelFiles | None:
    """The model's file, or its parts where it is split and any of them was named."""
    paths = _paths(model)
    return ModelFiles(tuple(paths)) if all(path.is_file() for path in paths) else None


def fetch(model: str, tell: Tell, *, newest: bool = False) -> ModelFiles:  # noqa: ARG001
    """The model's file. Raises ModelError, which says what is missing, where it is."""
    if files := here(model):
        return files
    missing = [str(path) for path in _paths(model) if not path.is_file()]
    raise ModelError(f"There is no file {', '.join(missing)}.")


def remove(model: str) -> int:
    """Other people's files stay: always a ModelError."""
    raise ModelError(f"{model} is a file of yours, which slmtape does not delete.")


def _paths(model: str) -> list[Path]:
    path = Path(model)
    with suppress(RuntimeError):  # there is no such user
        path = path.expanduser()
    return [path.with_name(name) for name in parts(path.name)]
