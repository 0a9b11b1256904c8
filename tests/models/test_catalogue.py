"""The table of known models: what it promises can be computed from it."""

import pytest

from slmtape.models.catalogue import MODELS, OnHub
from slmtape.models.memory import need


@pytest.mark.parametrize("name", MODELS)
def test_a_model_with_a_context_of_8k_fits_four_gigabytes(name: str) -> None:
    assert need(MODELS[name].shape, 8192).peak < 4e9


def test_all_models_fit_a_cache_of_ten_gigabytes() -> None:
    downloads = [model.size for model in MODELS.values() if isinstance(model.origin, OnHub)]
    assert len(downloads) == 6
    assert sum(downloads) < 9e9  # the compiled llama.cpp and what else there is have the rest


@pytest.mark.parametrize("name", MODELS)
def test_a_line_of_the_table_is_complete(name: str) -> None:
    model = MODELS[name]
    assert len(model.sha256) == 64
    assert model.least < model.size < model.most
    assert model.licence
    if isinstance(model.origin, OnHub):
        assert len(model.origin.revision) == 40
        assert model.origin.file.lower().endswith("q4_k_m.gguf")


def test_recommendations_are_made_for_code_reasoning_and_small_tests() -> None:
    recommended = {name: model.recommended for name, model in MODELS.items() if model.recommended}
    assert "code" in recommended["qwen-2.5-coder-1.5b"]
    assert "code" in recommended["qwen-2.5-coder-3b"]
    assert "reasoning" in recommended["smollm3-3b"]
    assert "small tests" in recommended["gemma-3-270m"]
