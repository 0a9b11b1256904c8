"""The models that are measured, as far as they are here."""

from dataclasses import dataclass
from pathlib import Path

from slmtape import models
from slmtape.models.catalogue import MODELS
from slmtape.models.memory import need
from tests.large.packages import GEMMA, QWEN, Packaged

_CACHE = Path(".pytest_cache") / "d"


@dataclass(frozen=True)
class Model:
    """A model's file, what it is called here and in the catalogue, and how long it is measured.

    `rounds`: how often; `tokens`: of an answer.
    """

    title: str
    name: str
    path: Path
    rounds: int
    tokens: int

    def memory(self, tokens: int) -> float:
        """Megabytes that a process needs for so many tokens at most, as the catalogue says."""
        return need(MODELS[self.name].shape, tokens).peak / 1e6


def smollm2() -> Model:
    """The embedded model."""
    name = "smollm2-135m"
    return Model("SmolLM2", name, models.find(name).path, rounds=7, tokens=96)


def qwen(folder: Path | None) -> Model:
    """A model of the size that code is generated with. Its file may be missing."""
    path = _large(QWEN, folder)
    return Model("Qwen2.5-Coder-1.5B", "qwen-2.5-coder-1.5b", path, rounds=3, tokens=32)


def gemma(folder: Path | None) -> Model:
    """A model with a large vocabulary, and layers that look only so far back. May be missing."""
    return Model("Gemma 3 270M", "gemma-3-270m", _large(GEMMA, folder), rounds=3, tokens=64)


def here(*wanted: Model) -> list[Model]:
    """Those whose files are here."""
    for model in wanted:
        if not model.path.exists():
            print(f"{model.title} is left out: `pytest -m large` downloads it.")
    return [model for model in wanted if model.path.exists()]


def _large(model: Packaged, folder: Path | None) -> Path:
    """Where `python -m tests.large.packages` put it, or else the tests marked `large`."""
    return (folder or _CACHE / f"slmtape-{model.sha256[:16]}") / model.file
