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
from tests.kept import filled
from tests.support import ALIASES, CASSETTES

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


def _installed(
    cache: pytest.Cache, requirements: Path, install: Callable[[Path, Path], None]
) -> Path:
    """The folder where these requirements are installed; it is made anew when they change."""
    digest = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()[:16]
    folder = cache.mkdir(f"slmtape-{requirements.parent.name}-{digest}")
    return filled(folder, lambda folder: install(requirements, folder))


def _npm_ci(requirements: Path, folder: Path) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(requirements.with_name(name), folder)
    _call("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", cwd=folder)


def _pip_install(requirements: Path, folder: Path) -> None:
    _call(sys.executable, "-m", "venv", "--clear", folder / "venv")
    pip = (folder / "venv" / "bin" / "python", "-m", "pip")
    # Most of it is never imported, and need not be compiled.
    _call(*pip, "install", "--disable-pip-version-check", "--no-compile", "-r", requirements)


def _call(*command: str | Path, cwd: Path | None = None) -> None:
    ran = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr


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
