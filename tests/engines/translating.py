"""A model of random weights that reads with an encoder what its decoder answers to, as T5 does."""

from pathlib import Path

import numpy as np
from gguf import GGUFWriter

_VOCABULARY, _WIDTH, _INNER, _HEADS, _HEAD, _DISTANCES = 64, 64, 128, 2, 32, 32


def write(path: Path) -> Path:
    """Write its file."""
    writer = GGUFWriter(path, "t5")
    writer.add_context_length(512)
    writer.add_embedding_length(_WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(_INNER)
    writer.add_head_count(_HEADS)
    writer.add_key_length(_HEAD)
    writer.add_value_length(_HEAD)
    writer.add_layer_norm_eps(1e-6)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_relative_attn_buckets_count(_DISTANCES)
    writer.add_decoder_start_token_id(0)
    writer.add_vocab_size(_VOCABULARY)
    writer.add_tokenizer_model("no_vocab")
    writer.add_tensor("token_embd.weight", np.ones((_VOCABULARY, _WIDTH), np.float32))
    shapes = _shapes("enc", "attn") | _shapes("dec", "attn", "cross_attn")
    for name, shape in shapes.items():
        writer.add_tensor(f"{name}.weight", np.ones(shape, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _shapes(side: str, *attentions: str) -> dict[str, tuple[int, ...]]:
    block = f"{side}.blk.0"
    shapes: dict[str, tuple[int, ...]] = {
        f"{side}.output_norm": (_WIDTH,),
        f"{block}.ffn_norm": (_WIDTH,),
        f"{block}.ffn_up": (_INNER, _WIDTH),
        f"{block}.ffn_gate": (_INNER, _WIDTH),
        f"{block}.ffn_down": (_WIDTH, _INNER),
    }
    for attention in attentions:
        shapes[f"{block}.{attention}_norm"] = (_WIDTH,)
        shapes[f"{block}.{attention}_rel_b"] = (_DISTANCES, _HEADS)
        shapes[f"{block}.{attention}_o"] = (_WIDTH, _HEADS * _HEAD)
        for part in "qkv":
            shapes[f"{block}.{attention}_{part}"] = (_HEADS * _HEAD, _WIDTH)
    return shapes
