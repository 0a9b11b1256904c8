"""A model of another architecture, with a vocabulary of 262,144 tokens and no chat template."""

import ctypes
import math
from dataclasses import replace
from pathlib import Path

import pytest
from openai import OpenAI

from slmtape.models.catalogue import MODELS
from slmtape.models.files import ModelFiles
from slmtape.models.header import metadata, shape
from tests.large.packages import GEMMA
from tests.models.needs import assert_its_need_is_told

pytestmark = [pytest.mark.live, pytest.mark.large]


def test_llama_cpp_and_the_header_agree_on_what_it_is(gemma: Path) -> None:
    import llama_cpp.llama_cpp as llama

    from slmtape.engines.llamacpp.loaded import loaded as in_memory

    with in_memory().using(gemma) as model:
        loaded = model.weights
    told = ctypes.create_string_buffer(64)
    for name in ("general.architecture", "gemma3.block_count", "gemma3.attention.key_length"):
        llama.llama_model_meta_val_str(loaded.model, name.encode(), told, len(told))
        assert told.value.decode() == str(metadata(gemma)[name])
    about = shape(ModelFiles((gemma,)))
    assert metadata(gemma)["general.architecture"] == "gemma3"
    assert about == replace(MODELS["gemma-3-270m"].shape, size=GEMMA.size)
    assert (loaded.size, loaded.width) == (about.vocabulary, about.width)


@pytest.mark.parametrize(
    "text",
    [
        "日本語のテキスト、한국어와 中文。",
        "🎉🏳️‍🌈👩‍👩‍👧‍👦 é e\u0301 \u200b ½ ﷽",
        "   three spaces before, two after  ",
        "\n\n\tdef f(x):\n\t\treturn x\r\n\n\n",
        "ŁódŹ ẞ \U0001d518\U00010348\ue000",
        "",
    ],
)
def test_a_text_is_what_its_tokens_say(gemma: Path, text: str) -> None:
    from slmtape.engines.llamacpp.loaded import loaded as in_memory

    with in_memory().using(gemma) as model:
        loaded = model.weights
    tokens = loaded.tokens(text, opening=False)
    assert b"".join(map(loaded.text, tokens)).decode() == text


@pytest.mark.parametrize(
    ("prompt", "next"),
    [
        ("1, 2, 3, 4, 5,", " 6, 7, 8,"),
        ("Monday, Tuesday, Wednesday,", " Thursday, Friday"),
    ],
)
def test_a_text_is_continued(ask_gemma: OpenAI, prompt: str, next: str) -> None:  # noqa: A002
    answer = ask_gemma.completions.create(
        model="model", prompt=prompt, max_tokens=10, temperature=0
    )
    assert answer.choices[0].text.startswith(next)


def test_a_model_without_a_template_is_asked_in_chatml(ask_gemma: OpenAI) -> None:
    chat = ask_gemma.chat.completions.create(
        model="model",
        messages=[{"role": "user", "content": "The capital of France is"}],
        max_tokens=8,
    )
    text = ask_gemma.completions.create(
        model="model",
        prompt=("<|im_start|>user\nThe capital of France is<|im_end|>\n<|im_start|>assistant\n"),
        max_tokens=8,
    )
    assert chat.choices[0].message.content == text.choices[0].text != ""
    assert chat.usage
    assert text.usage
    assert chat.usage.prompt_tokens == text.usage.prompt_tokens


def test_texts_are_vectors_of_length_1_and_near_where_they_mean_the_same(
    ask_gemma: OpenAI,
) -> None:
    texts = ["The cat sleeps on the sofa.", "A cat is asleep on the couch.", "Rates rose by 3 %."]
    told = ask_gemma.embeddings.create(model="model", input=texts).data
    cat, same, other = (one.embedding for one in told)
    assert len(cat) == 640
    assert math.hypot(*cat) == pytest.approx(1, abs=1e-6)
    assert math.dist(cat, same) < math.dist(cat, other)


@pytest.mark.nightly
def test_its_need_of_memory_is_what_a_process_takes(gemma: Path) -> None:
    assert_its_need_is_told(gemma)
