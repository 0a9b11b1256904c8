"""Processes that share the cores: two that generate at once, and one beside somebody else's."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from benchmarks.results import Figure, figure, in_turn, ratio
from benchmarks.tested import Model

_PATIENCE = 10.0
"""Seconds after which what has been generated is what counts."""

_PEER = "llama-cpp-python's Llama"


def run(model: Model) -> Iterator[Figure]:
    """Measure slmtape and llama-cpp-python in turn, with as many threads."""
    rounds = max(1, model.rounds // 3)
    with _two(_OURS, model) as ours, _two(_THEIRS, model) as theirs:
        kinds = {
            "ours alone": lambda _: _speed(ours[:1], model.tokens),
            "ours together": lambda _: _speed(ours, model.tokens),
            "ours beside": lambda _: _beside(ours[:1], model.tokens),
            "theirs alone": lambda _: _speed(theirs[:1], model.tokens),
            "theirs together": lambda _: _speed(theirs, model.tokens),
            "theirs beside": lambda _: _beside(theirs[:1], model.tokens),
        }
        speeds = in_turn(kinds, rounds)
    yield figure(f"{model.title}, one process", "tokens/s", speeds["ours alone"])
    for how, what, least in (
        ("together", "two processes together / one alone", 0.8),
        ("beside", "beside a busy process of somebody else / alone", 0.35),
    ):
        for who, name, bound in (("ours", "", least), ("theirs", f", {_PEER}", None)):
            alone, shared = speeds[f"{who} alone"], speeds[f"{who} {how}"]
            yield ratio(f"{model.title}, {what}{name}", shared, alone, least=bound)


class _Worker:
    """A process that generates when it is told to, and prints a line for each piece."""

    def __init__(self, script: str, model: Model) -> None:
        self._command = [sys.executable, "-c", script, str(model.path)]
        self._process: subprocess.Popen[str] | None = None

    def ready(self) -> subprocess.Popen[str]:
        """The process, started if need be, with its model loaded."""
        if self._process is None:
            pipe = subprocess.PIPE
            self._process = subprocess.Popen(self._command, stdin=pipe, stdout=pipe, text=True)
            assert _line(self._process) == "ready\n"
        return self._process

    def generate(self, tokens: int) -> int:
        """Generate so many tokens: how many there are at the end, or when patience ends.

        Then the process is killed, as it may take minutes to hear of it.
        """
        process = self.ready()
        assert process.stdin
        process.stdin.write(f"{tokens}\n")
        process.stdin.flush()
        alarm = threading.Timer(_PATIENCE, process.kill)
        alarm.start()
        pieces = 0
        while (line := _line(process)) == "piece\n":
            pieces += 1
        alarm.cancel()
        if line:
            return tokens
        self.kill()
        return pieces

    def kill(self) -> None:
        """End the process, if there is one."""
        if self._process:
            self._process.kill()
            self._process.communicate()
        self._process = None


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline()


@contextmanager
def _two(script: str, model: Model) -> Iterator[list[_Worker]]:
    workers = [_Worker(script, model), _Worker(script, model)]
    try:
        yield workers
    finally:
        for worker in workers:
            worker.kill()


def _speed(workers: Sequence[_Worker], tokens: int) -> float:
    """Tokens per second of all of them, at once."""
    for worker in workers:
        worker.ready()
    begun = time.perf_counter()
    with ThreadPoolExecutor(len(workers)) as pool:
        generated: int = sum(pool.map(lambda worker: worker.generate(tokens), workers))
    return generated / (time.perf_counter() - begun)


def _beside(workers: Sequence[_Worker], tokens: int) -> float:
    """The same, while a process of somebody else keeps a core busy."""
    for worker in workers:
        worker.ready()
    with subprocess.Popen([sys.executable, "-c", _BUSY]) as busy:
        try:
            return _speed(workers, tokens)
        finally:
            busy.kill()


_BUSY = """
import os
parent = os.getppid()
while os.getppid() == parent:
    for _ in range(1_000_000):
        pass
"""

_OURS = """
import http.client, json, sys
from slmtape import FakeLLMServer, models

body = {"model": "model", "prompt": "Once upon a time", "stream": True}
with FakeLLMServer(sys.argv[1], aliases={"*": models.served_name(sys.argv[1])}) as server:
    def generate(tokens):
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        asked = json.dumps({**body, "max_tokens": tokens})
        connection.request("POST", "/v1/completions", asked, {"content-type": "application/json"})
        for line in connection.getresponse():
            if line.startswith(b"data: {"):
                yield line
        connection.close()

    list(generate(1))
    print("ready", flush=True)
    for line in sys.stdin:
        for _ in generate(int(line)):
            print("piece", flush=True)
        print("done", flush=True)
"""

_THEIRS = """
import os, sys
from llama_cpp import Llama

cores = len(os.sched_getaffinity(0))
llama = Llama(sys.argv[1], n_ctx=1024, n_threads=cores, n_threads_batch=cores, verbose=False)

def generate(tokens):
    return llama("Once upon a time", max_tokens=tokens, temperature=0, stream=True)

list(generate(1))
print("ready", flush=True)
for line in sys.stdin:
    for _ in generate(int(line)):
        print("piece", flush=True)
    print("done", flush=True)
"""
