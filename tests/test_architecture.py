"""Imports go one way, and replaying pays for nothing that only generating needs."""

import ast
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import ROOT

SOURCE = ROOT / "src" / "slmtape"
LAYERS = [
    {"errors"},
    {"generation", "modes"},
    {"keys", "schemas", "contrast", "matching", "conforming", "faults", "results"},
    {"nearest", "generating", "protocols", "engines", "stores", "models", "replies", "happening"},
    {"verify", "importing", "naming"},
    {"answers"},
    {"call", "replay", "stubs"},
    {"expecting", "reaction"},
    {"calls"},
    {"app"},
    {"serving"},
    {"server"},
    {"cli", "plugin"},
    {"pytest_plugin"},
    {"__main__"},
]
ROOMS = {"protocols", "engines", "stores", "models"}
MODULES = sorted(path.relative_to(SOURCE) for path in SOURCE.rglob("*.py"))


def layer(name: str) -> int:
    return next(index for index, layer in enumerate(LAYERS) if name in layer)


def imports(path: Path) -> Iterator[str]:
    """The modules of slmtape that a file imports when it is loaded, without the package's name."""
    tree = ast.parse((SOURCE / path).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "slmtape":
            assert node.module
            inner = node.module.removeprefix("slmtape").lstrip(".")
            for alias in node.names:
                yield ".".join(filter(None, [inner, alias.name]))
        assert not (isinstance(node, ast.ImportFrom) and node.level), f"{path}: relative import"


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_a_module_imports_only_from_layers_below_its_own(path: Path) -> None:
    if path.name == "__init__.py" and path.parent == Path():
        return  # the façade
    here = path.parts[0].removesuffix(".py")
    for imported in imports(path):
        there = imported.split(".")[0]
        if there in ("__version__", here):
            continue
        assert layer(there) < layer(here), f"{path} imports {imported}"


@pytest.mark.parametrize("path", [p for p in MODULES if p.parts[0] in ROOMS], ids=str)
def test_a_room_imports_no_sibling_room(path: Path) -> None:
    if len(path.parts) < 3:
        return
    for imported in imports(path):
        parts = imported.split(".")
        if parts[0] == path.parts[0] and (SOURCE / parts[0] / parts[1]).is_dir():
            assert parts[1] == path.parts[1], f"{path} imports {imported}"


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_libraries_stay_in_their_rooms(path: Path) -> None:
    text = (SOURCE / path).read_text(encoding="utf-8")
    if path.parts[:2] != ("engines", "llamacpp"):
        assert "import llama_cpp" not in text
        assert "from llama_cpp" not in text
    if path.parts[0] != "app":
        assert "fastapi" not in text.replace("`", "").split("import ", 1)[-1].split("\n\n\n")[0]
        assert "async " not in text or path == Path("serving.py")


def test_importing_the_package_is_cheap() -> None:
    heavy = {"fastapi", "uvicorn", "pydantic", "sqlite3", "llama_cpp", "openai"}
    assert not heavy & loaded("import slmtape")


def test_a_replaying_server_loads_no_engine() -> None:
    used = loaded(
        """
        import pathlib, tempfile
        from slmtape import FakeLLMServer
        from tests.support import ask, chat
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "cassettes").mkdir()
            names = ["smollm2-135m", "gemma-3-270m", "owner/repo"]
            cache = f"{folder}/cassettes"
            with FakeLLMServer(model_names=names, cache=cache, mode="replay") as server:
                for name in names:
                    reply = ask(server.base_url, chat("hello") | {"model": name})
                    assert reply.error["code"] == "recording_not_found"
        """
    )
    assert not {"llama_cpp", "huggingface_hub", "jinja2", "numpy", "llguidance"} & used


def loaded(code: str) -> set[str]:
    """The top-level modules that a new process has loaded after running the code."""
    script = (
        f"{textwrap.dedent(code)}\nimport sys; print(*{{m.split('.')[0] for m in sys.modules}})"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(run.stdout.split())
