"""The rules that tools check: linted, formatted, typed; workflows that are valid and safe."""

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.support import ROOT

SCRIPTS = Path(sysconfig.get_path("scripts"))
WORKFLOWS = ROOT / ".github" / "workflows"
CHECKS: dict[str, list[str | Path]] = {
    "linted": [sys.executable, "-m", "ruff", "check"],
    "formatted": [sys.executable, "-m", "ruff", "format", "--check"],
    "typed": [sys.executable, "-m", "mypy"],
    "workflows are valid": [
        *(SCRIPTS / "check-jsonschema", "--builtin-schema", "vendor.github-workflows"),
        *sorted(WORKFLOWS.glob("*.yml")),
    ],
    "workflows are safe": [SCRIPTS / "zizmor", "--offline", "--quiet", "--pedantic", WORKFLOWS],
}


@pytest.mark.parametrize("what", CHECKS)
def test_the_project_is(what: str) -> None:
    run = subprocess.run(CHECKS[what], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
