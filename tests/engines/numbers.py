"""Models of random weights without any words, in every kind of numbers."""

import ctypes
from pathlib import Path

import llama_cpp.llama_cpp as llama
import numpy as np
from gguf import GGUFWriter

VOCABULARY = 512
_WIDTH, _INNER, _HEAD, _HEADS, _LAYERS = 256, 512, 64, 4, 2
_EXPERTS = 4


def write(path: Path, *, experts: bool = False) -> Path:
    """Write a model of 32 bits; with `experts`, half of which are asked at a time, or without."""
    writer = GGUFWriter(path, "llama")
    writer.add_context_length(4096)
    writer.add_embedding_length(_WIDTH)
    writer.add_block_count(_LAYERS)
    writer.add_feed_forward_length(_INNER)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(_HEADS // 2)
    writer.add_rope_dimension_count(_HEAD)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_vocab_size(VOCABULARY)
    writer.add_tokenizer_model("no_vocab")
    if experts:
        writer.add_expert_count(_EXPERTS)
        writer.add_expert_used_count(_EXPERTS // 2)
    _weights(writer, (_EXPERTS,) if experts else ())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def in_kind(source: Path, path: Path, kind: str) -> Path:
    """The same model in another kind of numbers, by llama.cpp's name for it in lower case."""
    params = llama.llama_model_quantize_default_params()
    params.ftype, params.nthread = getattr(llama, f"LLAMA_FTYPE_MOSTLY_{kind.upper()}"), 1
    files = str(source).encode(), str(path).encode()
    assert llama.llama_model_quantize(*files, ctypes.byref(params)) == 0
    return path


def _weights(writer: GGUFWriter, experts: tuple[int, ...]) -> None:
    chance = np.random.default_rng(5)

    def tensor(name: str, *shape: int) -> None:
        numbers = chance.standard_normal(shape, np.float32) / np.sqrt(shape[-1])
        writer.add_tensor(f"{name}.weight", numbers.astype(np.float32))

    def ones(name: str) -> None:
        writer.add_tensor(f"{name}.weight", np.ones(_WIDTH, np.float32))

    tensor("token_embd", VOCABULARY, _WIDTH)
    tensor("output", VOCABULARY, _WIDTH)
    ones("output_norm")
    several = "_exps" if experts else ""
    for layer in range(_LAYERS):
        block = f"blk.{layer}"
        ones(f"{block}.attn_norm")
        ones(f"{block}.ffn_norm")
        tensor(f"{block}.attn_q", _HEADS * _HEAD, _WIDTH)
        tensor(f"{block}.attn_k", _HEADS // 2 * _HEAD, _WIDTH)
        tensor(f"{block}.attn_v", _HEADS // 2 * _HEAD, _WIDTH)
        tensor(f"{block}.attn_output", _WIDTH, _HEADS * _HEAD)
        if experts:
            tensor(f"{block}.ffn_gate_inp", _EXPERTS, _WIDTH)
        tensor(f"{block}.ffn_gate{several}", *experts, _INNER, _WIDTH)
        tensor(f"{block}.ffn_up{several}", *experts, _INNER, _WIDTH)
        tensor(f"{block}.ffn_down{several}", *experts, _WIDTH, _INNER)
