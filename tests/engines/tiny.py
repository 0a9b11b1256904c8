"""Tiny models of random weights, with the real vocabulary and chat template of a family."""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from gguf import GGMLQuantizationType, GGUFValueType, GGUFWriter, PoolingType
from gguf.quants import quantize

_CONTROL, _USER_DEFINED = 3, 4
_SCALARS = {
    GGUFValueType.UINT32: "<I",
    GGUFValueType.INT32: "<i",
    GGUFValueType.FLOAT32: "<f",
    GGUFValueType.BOOL: "<?",
}


@dataclass(frozen=True)
class Family:
    """A model's architecture and what its vocabulary lacks.

    `vocabulary` and `template` name files of llama.cpp's sources; a template may be a text as well.
    `special` and `plain` are tokens that are renamed: those that are never text, and those that
    may be. `ends` is the token that its file names as the end of a turn.
    """

    architecture: str
    vocabulary: str
    template: str
    ends: int
    special: Mapping[int, str] = field(default_factory=dict)
    plain: Mapping[int, str] = field(default_factory=dict)
    layers: int = 2
    opens: bool = False
    """Whether a prompt begins with the vocabulary's opening token."""


GEMMA_3 = (
    "{{ bos_token }}{% set told = namespace(first='') %}"
    "{% if messages[0].role == 'system' %}"
    "{% set told.first = messages[0].content ~ '\n\n' %}{% set messages = messages[1:] %}"
    "{% endif %}"
    "{% for message in messages %}"
    "{% if (message.role == 'user') != (loop.index0 is even) %}"
    "{{ raise_exception('user and assistant take turns') }}{% endif %}"
    "<start_of_turn>{{ 'model' if message.role == 'assistant' else message.role }}\n"
    "{{ told.first if loop.first }}{{ message.content | trim }}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
"""Does what Gemma 3's template is known to do."""

LLAMA = Family(
    architecture="llama",
    vocabulary="llama-bpe",
    template="meta-llama-Llama-3.2-3B-Instruct",
    ends=128009,
    special={128004: "<|finetune_right_pad_id|>", 128008: "<|eom_id|>", 128010: "<|python_tag|>"},
    opens=True,
)
QWEN = Family(
    architecture="qwen2",
    vocabulary="qwen2",
    template="Qwen-Qwen2.5-7B-Instruct",
    ends=151645,
    plain={151657: "<tool_call>", 151658: "</tool_call>"},
)
SMOLLM3 = Family(
    architecture="smollm3",
    vocabulary="llama-bpe",
    template="HuggingFaceTB-SmolLM3-3B",
    ends=128012,
    special={128011: "<|im_start|>", 128012: "<|im_end|>"},
    plain={
        128002: "<think>",
        128003: "</think>",
        128013: "<tool_response>",
        128014: "</tool_response>",
        128015: "<tool_call>",
        128016: "</tool_call>",
    },
    layers=4,  # every fourth knows no positions
)
GEMMA = Family(
    architecture="gemma3",
    vocabulary="gemma-4",
    template=GEMMA_3,
    ends=106,
    special={105: "<start_of_turn>", 106: "<end_of_turn>"},
    plain={token: f"<unused9{token:03}>" for token in (*range(46, 53), 98, 100, 101)},
    layers=6,  # every sixth sees more than the sliding window
    opens=True,
)

_WIDTH, _HEADS, _HEAD, _INNER = 64, 2, 32, 96
_CONTEXT = 8192


FAMILIES = {family.architecture: family for family in (LLAMA, QWEN, SMOLLM3, GEMMA)}

EMBEDS = "embeds.gguf"
"""The file of one that says of itself that it is for embeddings."""


def write_all(sources: Path, folder: Path) -> None:
    """Write a model's file for each family, and `EMBEDS`. `sources`: as for `write`."""
    for name, family in FAMILIES.items():
        write(family, sources, folder / f"{name}.gguf")
    write(LLAMA, sources, folder / EMBEDS, embeds=True)


def template(family: Family, sources: Path) -> str:
    """A family's chat template. `sources`: the folder `models` of llama.cpp."""
    if "{" in family.template:
        return family.template
    return (sources / "templates" / f"{family.template}.jinja").read_text(encoding="utf-8")


def write(family: Family, sources: Path, path: Path, *, embeds: bool = False) -> None:
    """Write a model's file. `sources`: the folder `models` of llama.cpp.

    `embeds`: it says of itself that it is for embeddings.
    """
    writer = GGUFWriter(path, family.architecture)
    if embeds:
        writer.add_pooling_type(PoolingType.MEAN)
    _describe(writer, family)
    writer.add_chat_template(template(family, sources))
    _vocabulary(writer, family, sources / f"ggml-vocab-{family.vocabulary}.gguf")
    _weights(writer, family)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _describe(writer: GGUFWriter, family: Family) -> None:
    writer.add_context_length(_CONTEXT)
    writer.add_embedding_length(_WIDTH)
    writer.add_block_count(family.layers)
    writer.add_feed_forward_length(_INNER)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(1)
    writer.add_key_length(_HEAD)
    writer.add_value_length(_HEAD)
    writer.add_rope_dimension_count(_HEAD)
    writer.add_layer_norm_rms_eps(1e-6)
    if family.architecture == "gemma3":
        writer.add_sliding_window(64)


def _vocabulary(writer: GGUFWriter, family: Family, path: Path) -> None:
    known = _metadata(path)
    tokens, types = known["tokenizer.ggml.tokens"], list(known["tokenizer.ggml.token_type"])
    for names, kind in ((family.special, _CONTROL), (family.plain, _USER_DEFINED)):
        for token, name in names.items():
            tokens[token], types[token] = name.encode(), kind
    writer.add_tokenizer_model(known["tokenizer.ggml.model"].decode())
    if "tokenizer.ggml.pre" in known:
        writer.add_tokenizer_pre(known["tokenizer.ggml.pre"].decode())
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges(known["tokenizer.ggml.merges"])
    writer.add_bos_token_id(known["tokenizer.ggml.bos_token_id"])
    writer.add_eos_token_id(family.ends)
    writer.add_add_bos_token(family.opens)
    writer.add_vocab_size(len(tokens))


def _weights(writer: GGUFWriter, family: Family) -> None:
    chance = np.random.default_rng(4)
    size = len(writer.kv_data[0]["tokenizer.ggml.tokens"].value)

    def matrix(name: str, rows: int, columns: int) -> None:
        numbers = chance.standard_normal((rows, columns), np.float32) / 8
        raw = quantize(numbers, GGMLQuantizationType.Q8_0)
        writer.add_tensor(name, raw, raw_dtype=GGMLQuantizationType.Q8_0)

    def vector(name: str, length: int, value: float) -> None:
        writer.add_tensor(name, np.full(length, value, np.float32))

    matrix("token_embd.weight", size, _WIDTH)
    vector("output_norm.weight", _WIDTH, 1)
    for layer in range(family.layers):
        block = f"blk.{layer}"
        matrix(f"{block}.attn_q.weight", _HEADS * _HEAD, _WIDTH)
        for part in "kv":
            matrix(f"{block}.attn_{part}.weight", _HEAD, _WIDTH)
        matrix(f"{block}.attn_output.weight", _WIDTH, _HEADS * _HEAD)
        matrix(f"{block}.ffn_gate.weight", _INNER, _WIDTH)
        matrix(f"{block}.ffn_up.weight", _INNER, _WIDTH)
        matrix(f"{block}.ffn_down.weight", _WIDTH, _INNER)
        vector(f"{block}.attn_norm.weight", _WIDTH, 1)
        vector(f"{block}.ffn_norm.weight", _WIDTH, 1)
        if family.architecture == "qwen2":
            vector(f"{block}.attn_q.bias", _HEADS * _HEAD, 0)
            vector(f"{block}.attn_k.bias", _HEAD, 0)
            vector(f"{block}.attn_v.bias", _HEAD, 0)
        if family.architecture == "gemma3":
            vector(f"{block}.attn_q_norm.weight", _HEAD, 1)
            vector(f"{block}.attn_k_norm.weight", _HEAD, 1)
            vector(f"{block}.post_attention_norm.weight", _WIDTH, 1)
            vector(f"{block}.post_ffw_norm.weight", _WIDTH, 1)


def _metadata(path: Path) -> dict[str, Any]:
    """A GGUF file's metadata; texts are bytes. (`gguf.GGUFReader` needs 20 seconds for it.)"""
    with path.open("rb") as file:
        assert file.read(4) == b"GGUF"
        _, _, count = struct.unpack("<IQQ", file.read(20))
        return dict(_pairs(file, count))


def _pairs(file: BinaryIO, count: int) -> Iterator[tuple[str, Any]]:
    for _ in range(count):
        key = _text(file).decode()
        yield key, _value(file, _number(file, "<I"))


def _value(file: BinaryIO, kind: int) -> Any:
    if kind == GGUFValueType.STRING:
        return _text(file)
    if kind != GGUFValueType.ARRAY:
        return _number(file, _SCALARS[GGUFValueType(kind)])
    inner, length = _number(file, "<I"), _number(file, "<Q")
    if inner == GGUFValueType.STRING:
        return [_text(file) for _ in range(length)]
    layout = struct.Struct(f"<{length}{_SCALARS[GGUFValueType(inner)][1:]}")
    return layout.unpack(file.read(layout.size))


def _text(file: BinaryIO) -> bytes:
    return file.read(_number(file, "<Q"))


def _number(file: BinaryIO, layout: str) -> Any:
    return struct.unpack(layout, file.read(struct.calcsize(layout)))[0]
