"""The least that makes an answer: a loop over llama_cpp, in a process of its own."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.servers import python


@dataclass(frozen=True)
class Made:
    """What the loop has made of a prompt, and its seconds: those of the prompt, and all."""

    prompt_tokens: int
    tokens: int
    evaluating: float
    seconds: float


@contextmanager
def bare(
    model: Path, room: int, *, flash_attention: bool = True
) -> Iterator[Callable[[str, int], Made]]:
    """The loop, with room for so many tokens: given a prompt, and how many tokens to add.

    All is as llama.cpp does it where nothing is set, but that there is a thread for each core, and
    that flash attention can be turned off.
    """
    with python(_LOOP, str(model), str(room), str(int(flash_attention))) as (asked, told, _):

        def generate(prompt: str, tokens: int) -> Made:
            asked.write(json.dumps([prompt, tokens]) + "\n")
            asked.flush()
            return Made(*json.loads(told.readline()))

        yield generate


_LOOP = """
import ctypes, json, os, sys, time
import llama_cpp.llama_cpp as llama

silent = llama.llama_log_callback(lambda level, text, data: None)
llama.llama_log_set(silent, ctypes.c_void_p(0))
model = llama.llama_model_load_from_file(sys.argv[1].encode(), llama.llama_model_default_params())
vocabulary = llama.llama_model_get_vocab(model)
opens = llama.llama_vocab_get_add_bos(vocabulary)
params = llama.llama_context_default_params()
params.n_ctx = int(sys.argv[2])
params.n_threads = params.n_threads_batch = len(os.sched_getaffinity(0))
if sys.argv[3] == "0":
    params.flash_attn_type = llama.LLAMA_FLASH_ATTN_TYPE_DISABLED
context = llama.llama_init_from_model(model, params)
chain = llama.llama_sampler_chain_init(llama.llama_sampler_chain_default_params())
llama.llama_sampler_chain_add(chain, llama.llama_sampler_init_greedy())
one, piece = (llama.llama_token * 1)(), ctypes.create_string_buffer(256)

def tokens(text):
    room = (llama.llama_token * (len(text) + 2))()
    count = llama.llama_tokenize(vocabulary, text, len(text), room, len(room), opens, True)
    return (llama.llama_token * count)(*room[:count])

for line in sys.stdin:
    text, count = json.loads(line)
    prompt, said = tokens(text.encode()), []
    begun = time.perf_counter()
    llama.llama_memory_clear(llama.llama_get_memory(context), False)
    for start in range(0, len(prompt), params.n_batch):
        several = prompt[start : start + params.n_batch]
        part = (llama.llama_token * len(several))(*several)
        llama.llama_decode(context, llama.llama_batch_get_one(part, len(part)))
    one[0] = llama.llama_sampler_sample(chain, context, -1)
    evaluating = time.perf_counter() - begun
    while True:
        size = llama.llama_token_to_piece(vocabulary, one[0], piece, len(piece), 0, False)
        said.append(piece.raw[:size])
        if len(said) == count:
            break
        llama.llama_decode(context, llama.llama_batch_get_one(one, 1))
        one[0] = llama.llama_sampler_sample(chain, context, -1)
    b"".join(said).decode(errors="replace")
    spent = time.perf_counter() - begun
    print(json.dumps([len(prompt), len(said), evaluating, spent]), flush=True)
"""
