"""What a model takes of memory here, as JSON: `python -m tests.models.measured MODEL.gguf`.

`weights`: bytes, by llama.cpp's log; `contexts`: tokens → bytes, by its log; `resident`: bytes of
this process after all kinds of answers, with a context of the last size.
"""

import ctypes
import json
import re
import sys
from pathlib import Path
from typing import Any

import llama_cpp.llama_cpp as llama
import psutil

from slmtape import FakeLLMServer, models
from slmtape.engines.llamacpp import weights
from slmtape.engines.llamacpp.loaded import loaded
from slmtape.models.memory import ROWS
from tests.support import ask, chat

CONTEXTS = (1024, 2048, 4096, 8192)
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
_LOADS = b"loaded meta data"
_BUFFER = re.compile(r"(output|\S+) buffer size = +([\d.]+) MiB")


def measured(model: str) -> dict[str, Any]:
    """See above."""
    lines: list[str] = []

    def hear(level: int, text: bytes, data: object) -> None:
        weights._log(level, text, data)  # which decides how the file is read
        if _LOADS in text:
            lines.clear()  # what was told before of the same file is not in memory
        lines.append(text.decode())

    log = llama.llama_log_callback(hear)
    llama.llama_log_set(log, ctypes.c_void_p(0))
    try:
        with FakeLLMServer(model) as server:
            _ask_everything(server, Path(model).stem)
        sizes = {"weights": _bytes(lines, "model")}
        contexts = {}
        for tokens in CONTEXTS:  # the first is there
            with (
                loaded().using(models.find(model).path.absolute()) as in_memory,
                in_memory.contexts.lent((), tokens, lambda: None) as context,
            ):
                context.clear(tokens)
            contexts[tokens] = _bytes(lines, "KV", "compute") + ROWS * _bytes(lines, "output")
            lines.clear()
        resident = psutil.Process().memory_info().rss
        return sizes | {"contexts": contexts, "resident": resident}
    finally:
        llama.llama_log_set(weights._on_log, ctypes.c_void_p(0))


def _ask_everything(server: FakeLLMServer, name: str) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}}
    for fields in ({}, {"logprobs": True, "top_logprobs": 5}, {"response_format": form}):
        body = chat("Say hi.", max_tokens=8, **fields) | {"model": name}
        assert ask(server.base_url, body).status == 200
    body = {"model": name, "input": "Hello world."}
    assert ask(server.base_url, body, path="/embeddings").status == 200


def _bytes(lines: list[str], *kinds: str) -> int:
    """The sum of these buffers. Of `output` there is one row, and more only when they are asked."""
    found = [match.groups() for line in lines if (match := _BUFFER.search(line))]
    return round(sum(float(size) for kind, size in found if kind in kinds) * 2**20)


if __name__ == "__main__":
    print(json.dumps(measured(sys.argv[1])))  # noqa: T201
