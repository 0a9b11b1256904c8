"""How a model's file gets into memory."""

import sys
from pathlib import Path

import pytest

from slmtape import models
from slmtape.engines.llamacpp.weights import Weights

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what is mapped"),
]


def mapped(path: Path) -> bool:
    """Whether this process has the file mapped."""
    return str(path.resolve()) in Path("/proc/self/maps").read_text(encoding="utf-8")


def test_a_file_that_is_used_as_it_is_is_mapped_so_that_processes_share_it() -> None:
    path = models.find("smollm2-135m").path
    weights = Weights(path)
    assert mapped(path)
    weights.close()
