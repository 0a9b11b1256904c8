"""Models that no package brings: of random weights, with what llama.cpp's sources have of them."""

import hashlib
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.engines import tiny
from tests.engines.families import Tiny
from tests.once import once, run

_WANTED = "/vendor/llama.cpp/models/"


@pytest.fixture(scope="session")
def llama_cpp_models(pytestconfig: pytest.Config) -> Path:
    """The folder `models` of the sources of llama.cpp as it is installed."""
    assert pytestconfig.cache is not None
    return once(pytestconfig.cache, f"llama.cpp-{version('llama-cpp-python')}", _download)


@pytest.fixture(scope="session")
def tiny_models(pytestconfig: pytest.Config, llama_cpp_models: Path) -> dict[str, Path]:
    """A model's file for each family of `tiny.FAMILIES`."""
    assert pytestconfig.cache is not None
    written = Path(tiny.__file__).read_bytes() + str(llama_cpp_models).encode()
    digest = hashlib.sha256(written).hexdigest()[:16]
    name = f"tiny-{digest}"
    folder = once(pytestconfig.cache, name, lambda to: tiny.write_all(llama_cpp_models, to))
    return {name: folder / f"{name}.gguf" for name in tiny.FAMILIES}


@pytest.fixture(params=tiny.FAMILIES, scope="session")
def model(request: pytest.FixtureRequest, tiny_models: dict[str, Path]) -> Tiny:
    """Each family's model."""
    return Tiny(tiny_models[request.param])


def _download(folder: Path) -> None:
    # Without isolation, as nothing is built: pip only looks at what the sources are.
    options = ("--no-deps", "--no-build-isolation", "--disable-pip-version-check")
    sources = ("--no-binary", "llama-cpp-python", "--dest", folder)
    wanted = f"llama-cpp-python=={version('llama-cpp-python')}"
    run(sys.executable, "-m", "pip", "download", *options, *sources, wanted)
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        for member in packed:
            _, found, name = member.name.partition(_WANTED)
            if found and name.endswith((".gguf", ".jinja")):
                member.name = name
                packed.extract(member, folder, filter="data")
    archive.unlink()
