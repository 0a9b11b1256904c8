"""Models that are files on this machine."""

from pathlib import Path

from slmtape.errors import ModelError


def serves(model: str) -> bool:
    """Whether this is a path to a GGUF file."""
    return model.endswith(".gguf")


def served_name(model: str) -> str:
    """The file's name, so that recordings made on one machine replay on another."""
    return Path(model).stem


def find(model: str) -> Path:
    """The model's file."""
    path = Path(model).expanduser()
    if not path.is_file():
        raise ModelError(f"There is no file {path}.")
    return path
