"""The servers that are compared, each a process of its own."""

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

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
_PEER = Path(__file__).parent / "peer"

_SERVE = """
import sys
from slmtape import FakeLLMServer
with FakeLLMServer(cache=sys.argv[1], mode="replay") as server:
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
    """Fill a cassette directory with this many recordings."""
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
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = ["--port", str(port), "--fixtures", str(fixture), "--log-level", "silent"]
    process = subprocess.Popen([program, *options, "--chunk-size", str(len(PIECES[0]))])
    try:
        while not _listens(port):
            if process.poll() is not None:
                raise RuntimeError(f"aimock ended with {process.returncode}")
            time.sleep(0.01)
        yield Peer("aimock", port, process.pid)
    finally:
        process.terminate()
        process.wait()


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return False
    return True
