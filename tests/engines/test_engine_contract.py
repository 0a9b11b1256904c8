"""What every engine does, asked of the real model. A new engine is one more line in `ENGINES`."""

from dataclasses import replace
from typing import Any

import pytest

from slmtape import engines, models
from slmtape.errors import ContextLengthExceeded, EngineError
from slmtape.generation import Engine, GenerationRequest, GenerationResult, Message, Piece

pytestmark = pytest.mark.live

MODEL = "smollm2-135m"


@pytest.fixture(params=["llamacpp"], scope="module")
def engine(request: pytest.FixtureRequest) -> Engine:
    return engines.load(request.param, models.find(MODEL), MODEL)


def asking(text: str = "Tell me about the sea.", **options: Any) -> GenerationRequest:
    options = {"max_tokens": 16} | options
    return GenerationRequest(model=MODEL, messages=(Message("user", text),), **options)


def answer(engine: Engine, request: GenerationRequest) -> GenerationResult:
    """The result; asserts that its pieces are the ones that were said."""
    pieces: list[Piece] = []
    result = engine.generate(request, pieces.append)
    assert tuple(piece for piece in pieces if piece.text) == result.pieces
    return result


def test_an_answer_has_text_counts_and_a_reason(engine: Engine) -> None:
    result = answer(engine, asking())
    assert result.text.strip()
    assert result.finish_reason == "length"
    assert result.completion_tokens == 16
    assert result.prompt_tokens > 10


def test_an_answer_that_ends_by_itself_says_so(engine: Engine) -> None:
    result = answer(engine, asking("What is the capital of France", max_tokens=200))
    assert result.finish_reason == "stop"
    assert "Paris" in result.text
    assert result.completion_tokens < 200


def test_the_same_request_gets_the_same_answer_whatever_came_before(engine: Engine) -> None:
    others = [asking("Count to ten."), asking("Count to ten. " * 30), asking(temperature=1, seed=1)]
    requests = [asking(), asking("The sea " * 60), asking(temperature=0.9, seed=4, top_p=0.9)]
    first = [answer(engine, request) for request in requests]
    for other in others:
        answer(engine, other)
        assert [answer(engine, request) for request in requests] == first


def test_seeds_decide_what_is_sampled(engine: Engine) -> None:
    said = {seed: answer(engine, asking(temperature=1, seed=seed)) for seed in (0, 1, -1, 2**62)}
    assert len({result.text for result in said.values()}) == len(said)
    for seed, result in said.items():
        assert answer(engine, asking(temperature=1, seed=seed)) == result


@pytest.mark.parametrize("limit", [1, 2, 7])
def test_the_limit_of_tokens_is_kept_exactly(engine: Engine, limit: int) -> None:
    result = answer(engine, asking(max_tokens=limit))
    assert (result.completion_tokens, result.finish_reason) == (limit, "length")


def test_a_stop_sequence_ends_the_answer_before_it(engine: Engine) -> None:
    whole = answer(engine, asking()).text
    middle = whole[len(whole) // 2 : len(whole) // 2 + 4]
    result = answer(engine, asking(stop=(middle, "never said")))
    assert result.text == whole[: whole.index(middle)]
    assert result.finish_reason == "stop"


def test_a_bias_forbids_and_forces_tokens(engine: Engine) -> None:
    forced = answer(engine, asking(logit_bias=((100, 100.0),), max_tokens=4))
    assert len({piece.text for piece in forced.pieces}) == 1
    assert forced.text != answer(engine, asking(max_tokens=4)).text
    forbidden = answer(engine, asking(logit_bias=((100, 100.0), (100, -100.0))))
    assert forbidden.text


def test_a_bias_for_a_token_that_the_model_lacks_changes_nothing(engine: Engine) -> None:
    assert answer(engine, asking(logit_bias=((999_999_999, 100.0),))) == answer(engine, asking())


def test_penalties_change_what_is_repeated(engine: Engine) -> None:
    request = asking("Say hello hello hello.", max_tokens=40)
    plain = answer(engine, request).text
    assert answer(engine, replace(request, frequency_penalty=2.0)).text != plain
    assert answer(engine, replace(request, presence_penalty=-2.0)).text != plain


def test_every_role_reaches_the_model(engine: Engine) -> None:
    turns = (
        Message("user", "My name is Ann."),
        Message("assistant", "Hello Ann."),
        Message("user", "What is my name?"),
    )
    tokens = []
    for role in ("system", "developer"):
        told = (Message(role, "You are terse."), *turns)
        tokens.append(answer(engine, replace(asking(), messages=told)))
    assert tokens[0] == tokens[1]
    assert tokens[0].prompt_tokens > answer(engine, asking("What is my name?")).prompt_tokens


def test_a_prompt_longer_than_the_context_is_refused_with_both_numbers(engine: Engine) -> None:
    with pytest.raises(ContextLengthExceeded) as caught:
        answer(engine, asking("word " * 9000))
    assert caught.value.limit == 8192
    assert caught.value.tokens > 9000
    assert "8192 tokens" in caught.value.message
    assert str(caught.value.tokens) in caught.value.message


@pytest.mark.parametrize("heard", [0, 1, 5])
def test_what_the_listener_raises_stops_the_work_and_leaves_the_engine_ready(
    engine: Engine, heard: int
) -> None:
    class EnoughError(Exception):
        pass

    expected = answer(engine, asking())
    pieces: list[Piece] = []

    def listen(piece: Piece) -> None:
        if len(pieces) == heard:
            raise EnoughError
        pieces.append(piece)

    with pytest.raises(EnoughError):
        engine.generate(asking("Something long", max_tokens=500), listen)
    assert len(pieces) == heard
    assert answer(engine, asking()) == expected


def test_the_model_and_the_settings_are_named(engine: Engine) -> None:
    assert engine.model.name == MODEL
    assert len(engine.model.sha256) == 64
    made_with = engine.made_with(asking())
    assert all(isinstance(value, str) for value in made_with.values())
    assert made_with


@pytest.mark.parametrize("name", engines.ENGINES)
def test_a_file_that_is_no_model_is_told(
    name: str, tmp_path: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF and then nothing")
    with pytest.raises(EngineError, match="Is it a whole file"):
        engines.load(name, models.find(str(broken)), "broken").load()
    assert capfd.readouterr() == ("", "")
