"""The large models, put together once into pytest's cache, and servers of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from openai import OpenAI

from slmtape import FakeLLMServer
from slmtape.models.progress import shown
from tests.large.packages import GEMMA, QWEN, Packaged, assemble
from tests.once import once


@pytest.fixture(scope="session")
def qwen(pytestconfig: pytest.Config) -> Path:
    """Qwen2.5-Coder-1.5B-Instruct."""
    return _kept(QWEN, pytestconfig)


@pytest.fixture(scope="session")
def gemma(pytestconfig: pytest.Config) -> Path:
    """Gemma 3 270M, the base model."""
    return _kept(GEMMA, pytestconfig)


@pytest.fixture(scope="module")
def ask_qwen(qwen: Path) -> Iterator[OpenAI]:
    """A client of a server of it, which records nothing."""
    yield from _client(qwen)


@pytest.fixture(scope="module")
def ask_gemma(gemma: Path) -> Iterator[OpenAI]:
    """A client of a server of it, which records nothing."""
    yield from _client(gemma)


def _kept(model: Packaged, config: pytest.Config) -> Path:
    assert config.cache is not None
    with shown() as tell:
        folder = once(config.cache, model.sha256[:16], lambda to: assemble(model, to, tell))
    return folder / model.file


def _client(path: Path) -> Iterator[OpenAI]:
    with (
        FakeLLMServer(str(path), mode="live", aliases={"model": path.stem}) as server,
        OpenAI(**server.openai_client_args(), max_retries=0) as client,
    ):
        yield client
        server.check()
