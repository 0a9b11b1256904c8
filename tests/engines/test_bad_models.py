"""Files that can't answer: what is told of them, and that it ends there."""

from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from slmtape import FakeLLMServer, engines, models
from slmtape.errors import EngineError
from tests.engines.tiny import EMBEDS
from tests.support import ask, chat

pytestmark = pytest.mark.live


def no_gguf(good: Path, bad: Path) -> None:
    bad.write_bytes(b"PK\3\4 and what else is in a zip file")


def empty(good: Path, bad: Path) -> None:
    bad.touch()


def only_magic(good: Path, bad: Path) -> None:
    bad.write_bytes(b"GGUF and then nothing")


def truncated_header(good: Path, bad: Path) -> None:
    bad.write_bytes(good.read_bytes()[:2000])


def truncated_weights(good: Path, bad: Path) -> None:
    bad.write_bytes(good.read_bytes()[:-2000])


def unknown_architecture(good: Path, bad: Path) -> None:
    bad.write_bytes(good.read_bytes().replace(b"llama", b"lamma"))


def without_weights(good: Path, bad: Path) -> None:
    bad.write_bytes(good.read_bytes().replace(b"blk.", b"BLK."))


@pytest.fixture(scope="module")
def good(tiny_models: dict[str, Path]) -> Path:
    return tiny_models["llama"]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (no_gguf, "is no GGUF file"),
        (empty, "is no GGUF file"),
        (only_magic, "can't load .*: .+ Is it a whole file"),
        (truncated_header, "can't load"),
        (truncated_weights, "can't load .*(not within|bounds|truncated|corrupted)"),
        (unknown_architecture, "can't load .*lamma"),
        (without_weights, "can't load .*not found"),
    ],
)
def test_what_is_wrong_with_a_file_is_told(
    spoil: Callable[[Path, Path], None],
    said: str,
    good: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    bad = tmp_path / "bad.gguf"
    spoil(good, bad)
    assert_told(bad, said, good)
    assert capfd.readouterr() == ("", "")


def test_a_model_for_embeddings_is_told(good: Path) -> None:
    assert_told(good.with_name(EMBEDS), "is a model for embeddings", good)


def test_a_model_with_an_encoder_is_told(good: Path, tmp_path: Path) -> None:
    from tests.engines.translating import write

    assert_told(write(tmp_path / "translates.gguf"), "is a model with an encoder", good)


def test_a_vocabulary_alone_is_told(llama_cpp_models: Path, good: Path) -> None:
    assert_told(llama_cpp_models / "ggml-vocab-qwen2.gguf", "can't load", good)


def assert_told(bad: Path, said: str, good: Path) -> None:
    """An engine and a server's client are told, and the server answers on."""
    with pytest.raises(EngineError, match=said) as raised:
        engines.load("llamacpp", models.find(str(bad)), "bad").load()
    assert bad.name in raised.value.message
    with FakeLLMServer(model_names=[str(good), str(bad)]) as server:
        for _ in range(2):
            answer = ask(server.base_url, chat("Hi.", max_tokens=2) | {"model": bad.stem})
            assert answer.status == 400
            assert answer.json["error"]["code"] == "engine_error"
        answer = ask(server.base_url, chat("Hi.", max_tokens=2) | {"model": good.stem})
        assert answer.status == 200


def test_what_does_not_fit_into_memory_is_told_and_the_server_lives(
    good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from slmtape.engines.llamacpp import space

    with FakeLLMServer(str(good), unload=True) as server:
        short = chat("Hi.", max_tokens=2) | {"model": good.stem}
        long = chat("The sea is wide. " * 600, max_tokens=2) | {"model": good.stem}
        assert ask(server.base_url, short).status == 200
        with monkeypatch.context() as little:
            little.setattr(space, "available", lambda: 1_000_000)
            answer = ask(server.base_url, long)
            assert answer.status == 400
            assert "MB of memory, and 1 MB are free" in answer.json["error"]["message"]
            assert ask(server.base_url, short).status == 200
        assert ask(server.base_url, long).status == 200


def test_a_containers_limit_is_the_memory_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from slmtape.engines.llamacpp import space

    (tmp_path / "max").write_text("3000000\n")
    (tmp_path / "current").write_text("1000000\n")
    monkeypatch.setattr(space, "_CGROUPS", ((tmp_path, "max", "current", "inactive_file"),))
    assert space.available() == 2_000_000
    (tmp_path / "memory.stat").write_text("file 700000\ninactive_file 500000\nanon 300000\n")
    assert space.available() == 2_500_000  # what was read of files makes way
    (tmp_path / "max").write_text("max\n")
    assert 2_000_000 < space.available() <= psutil.virtual_memory().total
