"""What only the llama.cpp engine has: templates, contexts that grow, turns between processes."""

import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from slmtape import engines, models
from slmtape.errors import RequestError
from slmtape.generation import GenerationRequest, Message
from tests.support import ROOT

if TYPE_CHECKING:
    from slmtape.engines.llamacpp.loaded import Model

pytestmark = pytest.mark.live

HELLO = (Message("user", "Hello"),)


@pytest.fixture(scope="module")
def model() -> Iterator["Model"]:
    """SmolLM2, loaded."""
    from slmtape.engines.llamacpp.loaded import loaded

    with loaded().using(models.find("smollm2-135m").path.absolute()) as model:
        yield model


def test_an_answer_that_outgrows_its_context_is_the_one_of_a_large_context(model: "Model") -> None:
    from slmtape.engines.llamacpp.context import batches
    from tests.engines.cold import cold

    prompt = model.weights.tokens("The sea is wide. " * 30)
    logits = []
    for room in (len(prompt), 4096):
        with cold(model.weights) as used:
            used.clear(room)
            for batch in batches(prompt):
                used.evaluate(batch)
            if room < 4096:
                assert not used.holds(4096)
                used.grow()
            for token in prompt[:20]:
                used.evaluate([token])
            logits.append(used.logits().tobytes())
    assert logits[0] == logits[1]


def test_weights_and_memory_are_shared_by_all_engines_of_a_file(model: "Model") -> None:
    from slmtape.engines.llamacpp.engine import LlamaCppEngine

    files = models.find("smollm2-135m")
    one, other = LlamaCppEngine(files, "one"), LlamaCppEngine(files, "other")
    one.load()
    other.load()
    assert one._weights is other._weights is model.weights
    assert (one.model.name, other.model.name) == ("one", "other")
    assert one.model.sha256 == other.model.sha256


def test_a_template_refuses_by_a_request_error() -> None:
    from slmtape.engines.llamacpp.template import ChatTemplate

    picky = ChatTemplate("{{ raise_exception('no ' + messages[0].role) }}", bos="", eos="")
    with pytest.raises(RequestError, match="no user"):
        picky.render(HELLO)


def test_templates_have_what_hugging_face_gives_them() -> None:
    from slmtape.engines.llamacpp.template import ChatTemplate

    template = ChatTemplate(
        "{{ bos_token }}{% for m in messages %}{% if loop.index > 1 %}{% break %}{% endif %}\n"
        "    {% if true %}\n{{ m | tojson }}{% endif %}\n{% endfor %}\n"
        "{{ strftime_now('%Y') }}{{ eos_token }}",
        bos="<s>",
        eos="</s>",
    )
    told = template.render((*HELLO, Message("assistant", "Hé <b>", "ann")))
    assert told == '<s>{"role": "user", "content": "Hello"}2025</s>'


def test_a_model_without_a_template_gets_chatml() -> None:
    from slmtape.engines.llamacpp.template import ChatTemplate

    assert ChatTemplate(None, bos="", eos="").render((Message("system", "Be kind."), *HELLO)) == (
        "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n"
        "<|im_start|>assistant\n"
    )


def test_characters_of_several_tokens_come_whole() -> None:
    engine = engines.load("llamacpp", models.find("smollm2-135m"), "smollm2-135m")
    request = GenerationRequest(
        model="smollm2-135m", messages=(), prompt="日本語 🎉🎉 Ελληνικά " * 4, max_tokens=60
    )
    result = engine.generate(request, lambda _: None)
    said = [piece.text for piece in result.pieces]
    assert any(ord(character) > 0x370 for character in "".join(said))
    assert not any("\ufffd" in one or "\ufffd" in other for one, other in pairwise(said))


GENERATE = """
from slmtape import engines, models
from slmtape.generation import GenerationRequest, Message

engine = engines.load("llamacpp", models.find("smollm2-135m"), "smollm2-135m")
request = GenerationRequest(
    model="smollm2-135m", messages=(Message("user", "Tell me about the sea."),), max_tokens=24
)
print(engine.generate(request, lambda _: None).text)
"""


def test_processes_that_generate_at_once_all_finish_with_the_same_answer() -> None:
    workers = [
        subprocess.Popen([sys.executable, "-c", GENERATE], stdout=subprocess.PIPE, cwd=ROOT)
        for _ in range(3)
    ]
    answers = {worker.communicate(timeout=90)[0] for worker in workers}
    assert len(answers) == 1
    assert answers.pop().strip()
