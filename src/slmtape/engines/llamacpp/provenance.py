"""What the numbers behind an answer depend on, besides the request and the model's file."""

from functools import cache
from importlib.metadata import version

import llama_cpp
import llama_cpp.llama_cpp as llama

from slmtape.engines.llamacpp.space import CHUNK
from slmtape.engines.llamacpp.weights import Weights
from slmtape.generation import GenerationRequest, Request

_SAME_NUMBERS = ("OPENMP", "THREADS")
"""Who divides the work among the cores changes no number."""


def made_with(weights: Weights, request: Request) -> dict[str, str]:
    """By name: versions and settings, and as `cpu` what llama.cpp computes with."""
    made = {
        "engine": f"llama-cpp-python {llama_cpp.__version__}",
        "llama.cpp": llama.llama_version().decode(),
        "cpu": cpu(),
        "template": weights.template.digest,
        "chunk": str(CHUNK),
    }
    if isinstance(request, GenerationRequest) and (request.tools or request.response_format):
        made["forced"] = f"llguidance {version('llguidance')}"
    return made


@cache
def cpu() -> str:
    """The instructions and kernels that this build of llama.cpp computes with on this machine."""
    return features(llama.llama_print_system_info().decode())


def features(told: str) -> str:
    """Those that change numbers, of what llama.cpp tells of its system: sorted, a space between.

    It tells `CPU : AVX2 = 1 | FMA = 1 | Metal : BF16 = 1 | `. Those of other devices have the
    device's name before them, and those that are more than there or not have their value.
    """
    found, device = set[str](), "CPU"
    for part in told.split("|"):
        before, _, feature = part.rpartition(" : ")
        device = before.strip() or device
        name, _, value = (word.strip() for word in feature.partition("="))
        if value in ("", "0") or name.upper().endswith(_SAME_NUMBERS):
            continue
        place = "" if device == "CPU" else f"{device}."
        found.add(f"{place}{name}" if value == "1" else f"{place}{name}={value}")
    return " ".join(sorted(found))
