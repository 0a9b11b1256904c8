"""Models of random weights without any words, in every kind of numbers."""

import ctypes
from pathlib import Path

import llama_cpp.llama_cpp as llama
import numpy as np
from gguf import GGUFWriter

VOCABULARY = 512
_WIDTH, _INNER, _HEAD, _HEADS = 256, 512, 64, 4
_KEYS = _HEADS // 2
_EXPERTS = 4
_WINDOW = 48
_STATE, _STEP, _REACH = 16, 16, 4  # of recurrent layers

ARCHITECTURES = {
    "dense": ("llama", "aa"),
    "experts": ("llama", "ee"),
    "sliding": ("gemma3", "aaaaaa"),  # the last layer looks back to the beginning
    "recurrent": ("mamba", "rr"),
    "hybrid": ("lfm2", "ca"),
}
"""What llama.cpp calls them, and their layers: attention, experts, recurrent, convolution."""


def write(path: Path, kind: str = "dense") -> Path:
    """Write a model of 32 bits, of one of the architectures."""
    architecture, layers = ARCHITECTURES[kind]
    writer = GGUFWriter(path, architecture)
    writer.add_context_length(4096)
    writer.add_embedding_length(_WIDTH)
    writer.add_block_count(len(layers))
    writer.add_feed_forward_length(_INNER)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv([_KEYS if layer in "ae" else 0 for layer in layers])
    writer.add_key_length(_HEAD)
    writer.add_value_length(_HEAD)
    writer.add_rope_dimension_count(_HEAD)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_vocab_size(VOCABULARY)
    writer.add_tokenizer_model("no_vocab")
    if kind == "experts":
        writer.add_expert_count(_EXPERTS)
        writer.add_expert_used_count(_EXPERTS // 2)
    elif kind == "sliding":
        writer.add_sliding_window(_WINDOW)
    elif kind == "recurrent":
        writer.add_ssm_conv_kernel(_REACH)
        writer.add_ssm_inner_size(2 * _WIDTH)
        writer.add_ssm_state_size(_STATE)
        writer.add_ssm_time_step_rank(_STEP)
    elif kind == "hybrid":
        writer.add_shortconv_l_cache(_REACH)
    _Tensors(writer, architecture).add(layers)
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


class _Tensors:
    """Random numbers, about as large as those of models are."""

    def __init__(self, writer: GGUFWriter, architecture: str) -> None:
        self._writer = writer
        self._architecture = architecture
        self._chance = np.random.default_rng(5)

    def add(self, layers: str) -> None:
        """All of a model with these layers."""
        self._random("token_embd", VOCABULARY, _WIDTH)
        self._random("output", VOCABULARY, _WIDTH)
        self._ones("token_embd_norm" if self._architecture == "lfm2" else "output_norm")
        for number, layer in enumerate(layers):
            self._layer(f"blk.{number}", layer)

    def _layer(self, block: str, kind: str) -> None:
        self._ones(f"{block}.attn_norm")
        if kind == "r":
            self._recurrent(block)
            return
        if kind == "c":
            self._random(f"{block}.shortconv.in_proj", 3 * _WIDTH, _WIDTH)
            self._random(f"{block}.shortconv.conv", _WIDTH, _REACH)
            self._random(f"{block}.shortconv.out_proj", _WIDTH, _WIDTH)
        else:
            self._attention(block)
        self._ones(f"{block}.ffn_norm")
        experts, several = ((_EXPERTS,), "_exps") if kind == "e" else ((), "")
        if experts:
            self._random(f"{block}.ffn_gate_inp", _EXPERTS, _WIDTH)
        self._random(f"{block}.ffn_gate{several}", *experts, _INNER, _WIDTH)
        self._random(f"{block}.ffn_up{several}", *experts, _INNER, _WIDTH)
        self._random(f"{block}.ffn_down{several}", *experts, _WIDTH, _INNER)
        if self._architecture == "gemma3":
            self._ones(f"{block}.post_ffw_norm")

    def _attention(self, block: str) -> None:
        self._random(f"{block}.attn_q", _HEADS * _HEAD, _WIDTH)
        self._random(f"{block}.attn_k", _KEYS * _HEAD, _WIDTH)
        self._random(f"{block}.attn_v", _KEYS * _HEAD, _WIDTH)
        self._random(f"{block}.attn_output", _WIDTH, _HEADS * _HEAD)
        if self._architecture != "llama":
            self._ones(f"{block}.attn_q_norm", _HEAD)
            self._ones(f"{block}.attn_k_norm", _HEAD)
        if self._architecture == "gemma3":
            self._ones(f"{block}.post_attention_norm")

    def _recurrent(self, block: str) -> None:
        inner = 2 * _WIDTH
        self._random(f"{block}.ssm_in", 2 * inner, _WIDTH)
        self._random(f"{block}.ssm_conv1d", inner, _REACH)
        self._random(f"{block}.ssm_x", _STEP + 2 * _STATE, inner)
        self._random(f"{block}.ssm_dt", inner, _STEP)
        self._random(f"{block}.ssm_out", _WIDTH, inner)
        for name, numbers in (
            ("ssm_conv1d.bias", np.zeros(inner)),
            ("ssm_dt.bias", np.zeros(inner)),
            ("ssm_a", -np.ones((inner, _STATE))),
            ("ssm_d", np.ones(inner)),
        ):
            self._writer.add_tensor(f"{block}.{name}", numbers.astype(np.float32))

    def _random(self, name: str, *shape: int) -> None:
        numbers = self._chance.standard_normal(shape, np.float32) / np.sqrt(shape[-1])
        self._writer.add_tensor(f"{name}.weight", numbers.astype(np.float32))

    def _ones(self, name: str, count: int = _WIDTH) -> None:
        self._writer.add_tensor(f"{name}.weight", np.ones(count, np.float32))
