"""Programs that ask a server from an environment of their own, which is installed once."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slmtape import FakeLLMServer
from tests.once import once, run
from tests.support import ALIASES, CASSETTES, ROOT

HERE = Path(__file__).parent
QUIET = {
    "DO_NOT_TRACK": "1",
    "LANGCHAIN_TRACING_V2": "false",
    "LANGSMITH_TRACING": "false",
    "LITELLM_LOCAL_MODEL_COST_MAP": "true",
    "OPENAI_AGENTS_DISABLE_TRACING": "1",
    "OTEL_SDK_DISABLED": "true",
}
"""Switches off what libraries send home."""

Said = Callable[[str], Any]
"""What a program's call of this name gave; fails the test where the call failed."""


def node(program: str, cache: pytest.Cache, folder: Path) -> Said:
    """Run a program of `node/` in this empty folder."""
    installed = _installed(cache, HERE / "node" / "package-lock.json", _npm_ci)
    shutil.copytree(HERE / "node", folder, dirs_exist_ok=True)
    (folder / "node_modules").symlink_to(installed / "node_modules")
    return _run("node", folder / program)


def openai2(program: str, cache: pytest.Cache, folder: Path) -> Said:
    """Run a program of `openai2/` in this empty folder."""
    installed = _installed(cache, HERE / "openai2" / "requirements.txt", _pip_install)
    shutil.copytree(HERE / "openai2", folder, dirs_exist_ok=True)
    shutil.copy(HERE / "loopback.py", folder)
    return _run(installed / "venv" / "bin" / "python", folder / program)


def plugins(cache: pytest.Cache, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the suite of `plugins/` in this empty folder, beside this project's recordings."""
    project = ROOT / "pyproject.toml"
    requirements = HERE / "plugins" / "requirements.txt"
    ours = project.read_bytes() + str(ROOT).encode()  # it refers to where we are
    installed = _installed(cache, requirements, _pip_install_us, ours)
    shutil.copytree(HERE / "plugins", folder, dirs_exist_ok=True)
    shutil.copytree(CASSETTES, folder / "cassettes", dirs_exist_ok=True)
    return subprocess.run(
        [installed / "venv" / "bin" / "python", "-m", "pytest", *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], **QUIET, "CI": "true"},
        capture_output=True,
        text=True,
        timeout=300,
    )


def _installed(
    cache: pytest.Cache,
    requirements: Path,
    install: Callable[[Path, Path], None],
    besides: bytes = b"",
) -> Path:
    """The folder where these requirements are installed; it is made anew when they change."""
    wanted = requirements.read_bytes() + besides + sys.version.encode()
    digest = hashlib.sha256(wanted).hexdigest()[:16]
    name = f"{requirements.parent.name}-{digest}"
    return once(cache, name, lambda folder: install(requirements, folder))


def _npm_ci(requirements: Path, folder: Path) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(requirements.with_name(name), folder)
    run("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", cwd=folder)


def _pip_install(requirements: Path, folder: Path, *besides: str | Path) -> None:
    run(sys.executable, "-m", "venv", "--clear", folder / "venv")
    pip = (folder / "venv" / "bin" / "python", "-m", "pip", "--disable-pip-version-check")
    # Most of it is never imported, and need not be compiled.
    run(*pip, "install", "--no-compile", "-r", requirements, *besides)


def _pip_install_us(requirements: Path, folder: Path) -> None:
    _pip_install(requirements, folder, "-e", ROOT)


def _run(interpreter: str | Path, program: Path) -> Said:
    with FakeLLMServer(cache=CASSETTES, aliases=ALIASES) as server:
        ran = subprocess.run(
            [interpreter, program],
            cwd=program.parent,
            env={"PATH": os.environ["PATH"], **QUIET, "BASE_URL": server.base_url},
            capture_output=True,
            text=True,
            timeout=300,
        )
        server.check()
    assert ran.returncode == 0, ran.stdout + ran.stderr
    told = json.loads(ran.stdout.splitlines()[-1])

    def said(name: str) -> Any:
        outcome = told[name]
        if isinstance(outcome, dict) and "failed" in outcome:
            pytest.fail(outcome["failed"], pytrace=False)
        return outcome

    return said
