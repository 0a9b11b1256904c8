"""The models that are known by name, each asked something that it can answer.

Those that a package brings are asked always, the others from the real hub: `pytest -m hub`.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from slmtape import models
from slmtape.models.catalogue import MODELS, OnHub
from tests.support import ROOT

QUESTIONS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "smollm2-135m": ("What is the capital of France", "Paris", {}),
    "gemma-3-270m": ("What is the capital of France?", "Paris", {}),
    "gemma-3-1b": ("How many legs does a spider have?", "8|eight", {}),
    "qwen-2.5-coder-1.5b": ("Write a Python function add(a, b).", r"def add\(", {}),
    "smollm3-3b": ("What is 17 + 25?", "42", {"reasoning_effort": "low", "max_tokens": 1000}),
    "llama-3.2-3b-instruct": ("Which planet is known as the Red Planet?", "Mars", {}),
    "qwen-2.5-coder-3b": ("Write a Python function add(a, b).", r"def add\(", {}),
}
"""For each model: a question, what its answer must have (a regular expression), and options."""

_ASK = """
import json, re, resource, sys
from slmtape import FakeLLMServer
from tests.support import ask, chat

name, question, expected, options = json.loads(sys.argv[1])
with FakeLLMServer(name) as server:
    body = chat(question, **{"max_tokens": 100, **options}) | {"model": name}
    first, again = (ask(server.base_url, body) for _ in range(2))
    assert first.status == 200, first.body
    assert first.body == again.body, "the same question has the same answer"
    said = first.json["choices"][0]["message"]["content"]
    assert re.search(expected, said), said
    thought = first.json["usage"]["completion_tokens_details"]["reasoning_tokens"]
    assert bool(thought) is ("reasoning_effort" in options), thought
unit = 1 if sys.platform == "darwin" else 1024
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)
"""


def resident(name: str) -> int:
    """Have the model answer in a process of its own; the most bytes of memory that it had."""
    run = subprocess.run(
        [sys.executable, "-c", _ASK, json.dumps([name, *QUESTIONS[name]])],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert run.returncode == 0, run.stderr
    return int(run.stdout)


def test_there_is_a_question_for_every_model() -> None:
    assert list(QUESTIONS) == list(MODELS)


@pytest.mark.live
@pytest.mark.skipif(os.name != "posix", reason="POSIX tells how much memory a process had")
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.hub] if isinstance(model.origin, OnHub) else [])
        for name, model in MODELS.items()
    ],
)
def test_a_model_answers_a_question_within_four_gigabytes(name: str) -> None:
    assert resident(name) < 4e9


@pytest.mark.hub
@pytest.mark.live
@pytest.mark.parametrize("name", [n for n, m in MODELS.items() if isinstance(m.origin, OnHub)])
def test_the_hub_has_the_file_that_the_table_says(name: str) -> None:
    known = MODELS[name]
    files = models.find(name)
    assert (files.size, files.sha256()) == (known.size, known.sha256)


@pytest.mark.hub
@pytest.mark.live
def test_everything_that_was_downloaded_fits_a_cache_of_ten_gigabytes() -> None:
    for name in MODELS:
        models.find(name)
    from slmtape.models.hub.downloading import Hub

    blobs = Path(Hub().cache).rglob("*")
    assert sum(path.lstat().st_size for path in blobs if path.is_file()) < 10e9
