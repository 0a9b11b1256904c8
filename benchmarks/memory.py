"""What a process that serves a model needs at most, next to what `slmtape models` says."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.asking import TEXT, ask, forced
from benchmarks.results import Figure, figure
from benchmarks.schemas import SCHEMAS
from benchmarks.servers import live
from benchmarks.tested import Model

_CONTEXT = 8192
_ANSWER = 16
_SHORT = {"smollm2-135m": 400}


def run(model: Model) -> Iterator[Figure]:
    """Measure a process that has answered, first a short question, then with a full context."""
    prompt = [1000 + number % 9000 for number in range(_CONTEXT - _ANSWER - 1)]
    with live(model) as server:
        ask(server.port, forced(*SCHEMAS["one string"], _ANSWER))
        short = resident(server.pid)
        told = ask(server.port, {"prompt": prompt, "max_tokens": _ANSWER}, TEXT)
        assert _CONTEXT // 2 < told.prompt_tokens < _CONTEXT
        full = peak(server.pid)
    yield figure(f"{model.title}, after a short answer", "MB", [short], most=_SHORT.get(model.name))
    what = f"{model.title}, at most, with a context of {_CONTEXT:,} tokens"
    yield figure(what, "MB", [full], most=model.memory(_CONTEXT))


def resident(pid: int) -> float:
    """The memory that a process has, in MB."""
    return _told(pid, "VmRSS")


def peak(pid: int) -> float:
    """The most memory that a process has had, in MB."""
    return _told(pid, "VmHWM")


def _told(pid: int, what: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError(f"no {what}")
