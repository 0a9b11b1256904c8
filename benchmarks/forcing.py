"""Answers that match a schema, against llama.cpp's own grammars with the same prompt."""

import http.client
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import jsonschema

from benchmarks.results import Figure, figure, ratio
from benchmarks.schemas import SCHEMAS
from benchmarks.servers import MODEL, python
from slmtape import FakeLLMServer, models
from slmtape.engines.llamacpp.schemas import for_generation

_TOKENS = 512
_ROUNDS = 3


def run() -> Iterator[Figure]:
    """Measure in turn. Grammars that llama.cpp can't make count for neither side."""
    finished, valid, theirs_left_out = 0, 0, 0
    ours, theirs = [], []
    with _llama() as llama, FakeLLMServer(MODEL) as server:
        _ask(server.port, *SCHEMAS["one string"])
        for schema, question in SCHEMAS.values():
            answers = [_ask(server.port, schema, question)]
            told = [llama(schema, question)]
            for _ in range(_ROUNDS - 1):
                told.append(llama(schema, question))
                answers.append(_ask(server.port, schema, question))
            text, ended, _ = answers[0]
            finished += ended
            valid += ended and _matches(text, schema)
            if told[0] is None:
                theirs_left_out += 1
                continue
            ours.append(min(seconds for _, _, seconds in answers))
            theirs.append(min(seconds for seconds in told if seconds))
    count = len(SCHEMAS)
    yield figure(f"unfinished answers to {count} schemas", "%", [100 * (1 - finished / count)], 5)
    yield figure("finished answers that don't match", "%", [100 * (1 - valid / finished)], 0)
    yield figure("live answer to a schema", "s", ours)
    yield ratio(
        f"live answer to a schema / llama.cpp's own grammar ({len(ours)} schemas it can do)",
        ours,
        theirs,
        most=0.7,
    )


def _matches(text: str, schema: dict[str, Any]) -> bool:
    checks = jsonschema.Draft202012Validator.FORMAT_CHECKER
    validator = jsonschema.Draft202012Validator(schema, format_checker=checks)
    return bool(validator.is_valid(json.loads(text)))


def _ask(port: int, schema: dict[str, Any], question: str) -> tuple[str, bool, float]:
    """What the server says over HTTP, whether that is all, and the seconds it took."""
    form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    body = {
        "model": MODEL,
        "messages": [{"role": "user", "content": question}],
        "max_tokens": _TOKENS,
        "response_format": form,
    }
    begun = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    headers = {"content-type": "application/json"}
    connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
    answer = json.loads(connection.getresponse().read())
    connection.close()
    choice = answer["choices"][0]
    spent = time.perf_counter() - begun
    return choice["message"]["content"], choice["finish_reason"] == "stop", spent


@contextmanager
def _llama() -> Iterator[Callable[[dict[str, Any], str], float | None]]:
    """llama.cpp in a process of its own: its seconds, or None where it can't do a schema.

    It gets the schema that our grammar is made of, so that both say about the same.
    """
    with python(_LOOP, str(models.find(MODEL).path), str(_TOKENS)) as (asked, told, _):

        def generate(schema: dict[str, Any], question: str) -> float | None:
            asked.write(json.dumps([for_generation(json.dumps(schema)), question]) + "\n")
            asked.flush()
            seconds: float | None = json.loads(told.readline())
            return seconds

        yield generate


_LOOP = """
import ctypes, json, sys, time
from math import inf
from pathlib import Path
import llama_cpp.llama_cpp as llama
import numpy as np
from llama_cpp.llama_grammar import json_schema_to_gbnf
from slmtape.engines.llamacpp import weights
from slmtape.engines.llamacpp.cores import cores
from slmtape.generation import Message

FLOATS = ctypes.POINTER(ctypes.c_float)
loaded = weights.Weights(Path(sys.argv[1]))
count = int(sys.argv[2])
params = llama.llama_context_default_params()
params.n_ctx, params.n_batch, params.n_ubatch = 1024, 128, 128
params.n_threads = params.n_threads_batch = cores()
context = llama.llama_init_from_model(loaded.model, params)
greedy = llama.llama_sampler_init_greedy()
one = (llama.llama_token * 1)()
everything = (llama.llama_token_data * loaded.size)()
columns = np.frombuffer(everything, [("id", "i4"), ("logit", "f4"), ("p", "f4")])
columns["id"] = np.arange(loaded.size)

def allowed(grammar, tokens):
    array = llama.llama_token_data_array(tokens, len(tokens), -1, False)
    llama.llama_sampler_apply(grammar, array)
    return array

def pick(grammar):
    # As llama.cpp does: first what the model likes best, the whole vocabulary only after that.
    token = llama.llama_sampler_sample(greedy, context, -1)
    single = (llama.llama_token_data * 1)((token, 0.0, 0.0))
    allowed(grammar, single)
    if single[0].logit == -inf:
        logits = ctypes.cast(llama.llama_get_logits_ith(context, -1), FLOATS)
        columns["logit"] = np.ctypeslib.as_array(logits, (loaded.size,))
        array = allowed(grammar, everything)
        llama.llama_sampler_apply(greedy, array)
        token = everything[array.selected].id
    llama.llama_sampler_accept(grammar, token)
    return token

def answer(schema, question):
    begun = time.perf_counter()
    written = json_schema_to_gbnf(schema)
    grammar = llama.llama_sampler_init_grammar(loaded.vocab, written.encode(), b"root")
    prompt = loaded.tokens(loaded.template.render((Message("user", question),)))
    tokens = (llama.llama_token * len(prompt))(*prompt)
    llama.llama_memory_clear(llama.llama_get_memory(context), False)
    llama.llama_decode(context, llama.llama_batch_get_one(tokens, len(tokens)))
    for _ in range(count):
        one[0] = pick(grammar)
        if loaded.ends(one[0]):
            break
        llama.llama_decode(context, llama.llama_batch_get_one(one, 1))
    llama.llama_sampler_free(grammar)
    return time.perf_counter() - begun

for line in sys.stdin:
    try:
        told = answer(*json.loads(line))
    except ValueError:  # no grammar for this schema
        told = None
    print(json.dumps(told), flush=True)
"""
