"""What recordings say that their numbers depend on."""

import pytest

from slmtape import engines, models
from slmtape.generation import JsonFormat
from tests.support import request_for

pytestmark = pytest.mark.live


@pytest.mark.parametrize(
    ("told", "features"),
    [
        (
            "CPU : SSE3 = 1 | AVX2 = 1 | AVX = 1 | AVX512 = 0 | OPENMP = 1 | REPACK = 1 | ",
            "AVX AVX2 REPACK SSE3",
        ),
        ("CPU : NEON = 1 | SVE_CNT = 32 | LLAMAFILE = 1 | ", "LLAMAFILE NEON SVE_CNT=32"),
        ("Metal : BF16 = 1 | CPU : NEON = 1 | ACCELERATE = 1 | ", "ACCELERATE Metal.BF16 NEON"),
        ("n_threads = 2 / 2 | CPU : FMA = 1 | ", "FMA"),
        ("", ""),
    ],
)
def test_what_changes_numbers_is_told_in_one_order(told: str, features: str) -> None:
    from slmtape.engines.llamacpp import provenance

    assert provenance.features(told) == features


def test_an_engine_tells_of_its_cpu_and_of_what_forces_only_where_it_did() -> None:
    engine = engines.load("llamacpp", models.find("smollm2-135m"), "smollm2-135m")
    plain = engine.made_with(request_for())
    assert list(plain) == ["engine", "llama.cpp", "cpu", "template", "chunk"]
    assert all(plain.values())
    assert "OPENMP" not in plain["cpu"]
    forced = dict(engine.made_with(request_for(response_format=JsonFormat())))
    assert forced.pop("forced").startswith("llguidance ")
    assert forced == plain
