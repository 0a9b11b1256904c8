"""Holds what `models.memory` says against what a process takes that uses the model."""

import json
import subprocess
import sys
from pathlib import Path

from slmtape.models.files import ModelFiles
from slmtape.models.header import shape
from slmtape.models.memory import need
from tests.support import ROOT


def assert_its_need_is_told(path: Path) -> None:
    """llama.cpp takes 87 to 100 % of what is said for it, and the process not more than all."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.models.measured", path],
        capture_output=True,
        check=True,
        cwd=ROOT,
    )
    taken = json.loads(ran.stdout)
    about = shape(ModelFiles((path,)))
    for tokens, size in taken["contexts"].items():
        said = need(about, int(tokens))
        assert taken["weights"] <= said.weights <= taken["weights"] * 1.15
        assert size <= said.cache + said.buffers <= size * 1.15, f"{tokens} tokens"
    assert taken["resident"] <= need(about, max(map(int, taken["contexts"]))).total
