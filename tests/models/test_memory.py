"""A model's need of memory, told from its shape."""

from dataclasses import replace

import pytest

from slmtape import models
from slmtape.models import memory
from slmtape.models.catalogue import MODELS
from slmtape.models.files import ModelFiles
from slmtape.models.header import shape
from slmtape.models.memory import need
from tests.models.needs import assert_its_need_is_told

SMALL = MODELS["smollm2-135m"].shape


@pytest.mark.parametrize(("tokens", "room"), [(1, 1024), (1024, 1024), (1025, 2048), (5000, 8192)])
def test_the_cache_is_as_large_as_the_context_that_the_engine_makes(tokens: int, room: int) -> None:
    keys_and_values = 30 * 3 * (64 + 64) * 2
    assert need(SMALL, tokens).cache == room * keys_and_values


def test_the_total_is_the_sum_and_growing_needs_half_a_cache_more() -> None:
    said = need(SMALL, 8192)
    assert said.total == said.weights + said.cache + said.buffers + said.process
    assert said.weights == SMALL.size
    assert said.peak - said.total == need(SMALL, 4096).cache


def test_a_model_that_caches_nothing_needs_no_cache() -> None:
    assert need(replace(SMALL, kv_heads=0), 8192).cache == 0


@pytest.mark.live
def test_the_engine_makes_contexts_as_is_said_here() -> None:
    from slmtape.engines.llamacpp import context, space

    assert (memory.BATCH, memory.SMALLEST, memory.ROWS) == (
        space.BATCH,
        context._SMALLEST,
        space.POSITIONS,
    )


@pytest.mark.live
def test_the_need_of_the_embedded_model_is_what_a_process_takes() -> None:
    files = models.find("smollm2-135m")
    assert shape(ModelFiles(files.paths)) == SMALL
    assert_its_need_is_told(files.path)
