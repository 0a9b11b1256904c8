"""Live answers over HTTP, against a bare loop over llama_cpp that makes the same tokens."""

import http.client
import json
import time
from collections.abc import Iterator
from typing import Any

from benchmarks.replaying import resident
from benchmarks.results import Figure, figure, ratio
from benchmarks.servers import MODEL
from slmtape import FakeLLMServer, models

_TOKENS = 96
_ROUNDS = 9
_PROMPT = "Tell me a long story about a lighthouse, its keeper and the sea."


def run(pid: int) -> Iterator[Figure]:
    """Measure in turn, in this process (whose id is `pid`)."""
    bare = _Bare()
    body = json.dumps(
        {
            "model": MODEL,
            "messages": [{"role": "user", "content": _PROMPT}],
            "max_tokens": _TOKENS,
            "stream": True,
        }
    )
    ours: list[float] = []
    theirs: list[float] = []
    with FakeLLMServer(MODEL) as server:
        expected = bare.generate()
        assert _ask(server.port, body) == expected, "both must make the same tokens"
        for _ in range(_ROUNDS):
            for spent, action in (
                (ours, lambda: _ask(server.port, body)),
                (theirs, bare.generate),
            ):
                begun = time.perf_counter()
                assert action() == expected
                spent.append(time.perf_counter() - begun)
        yield figure("a live answer of 96 tokens", "s", ours)
        yield ratio("live over HTTP / bare llama_cpp loop", ours, theirs, most=1.05)
    bare.close()
    yield figure("resident memory, SmolLM2 loaded", "MB", [resident(pid)], most=400)


def _ask(port: int, body: str) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
    events = connection.getresponse().read().decode().split("\n\n")
    connection.close()
    chunks = [json.loads(event.removeprefix("data: ")) for event in events[:-2]]
    return "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)


class _Bare:
    """The least that makes an answer: no server, no stop sequences, no turns, no recording."""

    def __init__(self) -> None:
        import llama_cpp.llama_cpp as llama

        from slmtape.engines.llamacpp import weights
        from slmtape.engines.llamacpp.context import CHUNK, _threads
        from slmtape.generation import Message

        self._llama: Any = llama
        self._weights = weights.load(models.find(MODEL))
        self._prompt = self._weights.tokens(
            self._weights.template.render((Message("user", _PROMPT),))
        )
        params = llama.llama_context_default_params()
        params.n_ctx = 1024
        params.n_batch = params.n_ubatch = CHUNK
        params.n_threads = params.n_threads_batch = _threads()
        self._context = llama.llama_init_from_model(self._weights.model, params)
        chain = llama.llama_sampler_chain_init(llama.llama_sampler_chain_default_params())
        llama.llama_sampler_chain_add(chain, llama.llama_sampler_init_greedy())
        self._chain = chain

    def generate(self) -> str:
        llama = self._llama
        llama.llama_memory_clear(llama.llama_get_memory(self._context), False)
        tokens = (llama.llama_token * len(self._prompt))(*self._prompt)
        llama.llama_decode(self._context, llama.llama_batch_get_one(tokens, len(tokens)))
        one = (llama.llama_token * 1)()
        said = []
        for _ in range(_TOKENS):
            one[0] = llama.llama_sampler_sample(self._chain, self._context, -1)
            said.append(self._weights.text(one[0]))
            if len(said) < _TOKENS:
                llama.llama_decode(self._context, llama.llama_batch_get_one(one, 1))
        return b"".join(said).decode()

    def close(self) -> None:
        self._llama.llama_sampler_free(self._chain)
        self._llama.llama_free(self._context)
