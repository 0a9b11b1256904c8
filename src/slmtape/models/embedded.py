"""Models that a package brings along."""

from importlib.util import find_spec
from pathlib import Path

from slmtape.errors import ModelError
from slmtape.models.catalogue import MODELS, Embedded
from slmtape.models.files import ModelFiles
from slmtape.models.progress import Tell


def serves(model: str) -> bool:
    """Whether this is a model of this source."""
    return model in MODELS and isinstance(MODELS[model].origin, Embedded)


def served_name(model: str) -> str:
    """The name it is served by."""
    return model


def here(model: str) -> ModelFiles | None:
    """The model's file, if its package is installed. The package itself is never imported."""
    origin = _origin(model)
    spec = find_spec(origin.package)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        if (path := Path(folder) / origin.file).is_file():
            return ModelFiles((path,))
    return None


def fetch(model: str, tell: Tell, *, newest: bool = False) -> ModelFiles:  # noqa: ARG001
    """The model's file. Raises ModelError, which says how to install it, where it is missing."""
    if files := here(model):
        return files
    raise ModelError(
        f"The model {model!r} comes with the package {_distribution(model)}, which is not "
        "installed. Install it with: pip install 'slmtape[llama]'"
    )


def remove(model: str) -> int:
    """Packages are pip's to remove: always a ModelError."""
    raise ModelError(
        f"The model {model!r} is part of a package. Remove it with: "
        f"pip uninstall {_distribution(model)}"
    )


def _origin(model: str) -> Embedded:
    origin = MODELS[model].origin
    assert isinstance(origin, Embedded)
    return origin


def _distribution(model: str) -> str:
    return _origin(model).package.replace("_", "-")
