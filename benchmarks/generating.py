"""Live answers over HTTP, against a bare loop over llama_cpp that makes the same tokens."""

import http.client
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from benchmarks.replaying import resident
from benchmarks.results import Figure, figure, ratio
from benchmarks.servers import MODEL, python
from slmtape import FakeLLMServer, models

_TOKENS = 96
_ROUNDS = 21
_PROMPT = "Tell me a long story about a lighthouse, its keeper and the sea."


def run(pid: int) -> Iterator[Figure]:
    """Measure in turn, in this process (whose id is `pid`)."""
    times: dict[str, list[float]] = {"plain": [], "streamed": [], "bare": []}
    with _bare() as bare, FakeLLMServer(MODEL) as server:
        expected, _ = bare()
        for turn in range(_ROUNDS + 1):
            for kind in list(times) if turn % 2 else reversed(list(times)):
                if kind == "bare":
                    said, seconds = bare()
                else:
                    begun = time.perf_counter()
                    said = _ask(server.port, stream=kind == "streamed")
                    seconds = time.perf_counter() - begun
                assert said == expected, "all must make the same tokens"
                if turn:  # the first loads the model
                    times[kind].append(seconds)
    for kind in ("plain", "streamed"):
        yield figure(f"live answer of {_TOKENS} tokens, {kind}", "s", times[kind])
        yield ratio(
            f"live over HTTP / bare llama_cpp loop, {kind}", times[kind], times["bare"], most=1.05
        )
    yield figure("resident memory, SmolLM2 loaded", "MB", [resident(pid)], most=400)


def _ask(port: int, *, stream: bool) -> str:
    """What the server says. The client does no more than it must while the answer is made."""
    body = json.dumps(
        {
            "model": MODEL,
            "messages": [{"role": "user", "content": _PROMPT}],
            "max_tokens": _TOKENS,
            "stream": stream,
        }
    )
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
    answer = connection.getresponse().read().decode()
    connection.close()
    if not stream:
        return str(json.loads(answer)["choices"][0]["message"]["content"])
    events = answer.split("\n\n")
    chunks = [json.loads(event.removeprefix("data: ")) for event in events[:-2]]
    return "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)


@contextmanager
def _bare() -> Iterator[Callable[[], tuple[str, float]]]:
    """The least that makes an answer, in a process of its own: what it says, and its seconds."""
    arguments = str(models.find(MODEL).path), _PROMPT, str(_TOKENS)
    with python(_BARE, *arguments) as (asked, told, _):

        def generate() -> tuple[str, float]:
            asked.write("\n")
            asked.flush()
            text, spent = json.loads(told.readline())
            return text, spent

        yield generate


_BARE = """
import json, sys, time
from pathlib import Path
import llama_cpp.llama_cpp as llama
from slmtape.engines.llamacpp import weights
from slmtape.engines.llamacpp.context import CHUNK, threads
from slmtape.generation import Message

loaded = weights.load(Path(sys.argv[1]))
prompt = loaded.tokens(loaded.template.render((Message("user", sys.argv[2]),)))
params = llama.llama_context_default_params()
params.n_ctx, params.n_batch, params.n_ubatch = 1024, CHUNK, CHUNK
params.n_threads = params.n_threads_batch = threads()
context = llama.llama_init_from_model(loaded.model, params)
chain = llama.llama_sampler_chain_init(llama.llama_sampler_chain_default_params())
llama.llama_sampler_chain_add(chain, llama.llama_sampler_init_greedy())
tokens, one = (llama.llama_token * len(prompt))(*prompt), (llama.llama_token * 1)()
count = int(sys.argv[3])
for _ in sys.stdin:
    begun = time.perf_counter()
    llama.llama_memory_clear(llama.llama_get_memory(context), False)
    llama.llama_decode(context, llama.llama_batch_get_one(tokens, len(tokens)))
    said = []
    for number in range(count):
        one[0] = llama.llama_sampler_sample(chain, context, -1)
        said.append(loaded.text(one[0]))
        if number < count - 1:
            llama.llama_decode(context, llama.llama_batch_get_one(one, 1))
    spent = time.perf_counter() - begun
    print(json.dumps([b"".join(said).decode(), spent]), flush=True)
"""
