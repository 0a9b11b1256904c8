"""A file or folder here is one engine: what turns a request into an answer.

An engine is `(files, name, max_loaded_models=…) -> slmtape.generation.Engine`: a model's GGUF file,
the name it is served by, and how many models may be in memory at once.
"""

from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from slmtape.errors import EngineNotInstalled
from slmtape.generation import Engine


class Files(Protocol):
    """A model's GGUF file."""

    @property
    def path(self) -> Path:
        """The file to load: the first one where the model is split into several."""

    def sha256(self) -> str:
        """Its digest, in hex."""


ENGINES = {"llamacpp": "slmtape.engines.llamacpp.engine:LlamaCppEngine"}


def load(engine: str, files: Files, name: str, max_loaded_models: int | None = None) -> Engine:
    """The engine of that name on this model file, which it loads when it is asked.

    Raises EngineNotInstalled where its libraries are missing.
    """
    module, _, attribute = ENGINES[engine].partition(":")
    try:
        make = getattr(import_module(module), attribute)
        made = make(files, name, max_loaded_models=max_loaded_models)
    except ModuleNotFoundError as error:
        raise EngineNotInstalled(
            f"Generating an answer needs {error.name}, which is not installed. "
            "Install it with: pip install 'slmtape[llama]'"
        ) from error
    return cast(Engine, made)
