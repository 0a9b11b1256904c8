"""Which of a repository's files a model is loaded from."""

import re
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from slmtape.models.files import parts

# Best first for a test on a CPU: small and fast enough, and still sensible.
_ORDER = (
    *("Q4_K_M", "Q4_K_S", "Q4_K_L", "Q4_K_XL", "Q4_0", "Q4_1", "IQ4_NL", "IQ4_XS", "MXFP4"),
    *("Q5_K_M", "Q5_K_S", "Q5_0", "Q5_1", "Q6_K", "Q8_0"),
    *("Q3_K_L", "Q3_K_M", "Q3_K_S", "IQ3_M", "Q2_K", "F16", "BF16", "F32"),
)
_NO_MODEL = ("mmproj", "imatrix", "mtp-", "draft-")
"""What names of GGUF files have in them that are not a language model of their own."""


def choose(files: Iterable[str], wanted: str | None) -> Sequence[str]:
    """The file of a repository to load, with all its parts in order; nothing where none fits.

    `wanted` is a file's name, or what it has of the quantisation; None: Q4_K_M, or else the next
    best.
    """
    names = set(files)
    if wanted and wanted.endswith(".gguf"):
        return parts(wanted) if set(parts(wanted)) <= names else ()
    models = [name for name in names if _is_model(name) and set(parts(name)) <= names]
    if wanted:
        models = [name for name in models if _has(name, wanted)]
    chosen = min(models, key=_rank, default=None)
    return parts(chosen) if chosen else ()


def _is_model(name: str) -> bool:
    file = PurePosixPath(name).name.lower()
    other = any(mark in file for mark in _NO_MODEL)
    return file.endswith(".gguf") and not other and parts(name)[0] == name


def _rank(name: str) -> tuple[int, int, str]:
    """Less is better; of equals, the one in the fewest folders."""
    known = (index for index, kind in enumerate(_ORDER) if _has(name, kind))
    return next(known, len(_ORDER)), name.count("/"), name


def _has(name: str, quantisation: str) -> bool:
    """Whether a name has this as a word, as in `model-Q4_K_M.gguf` or `model.q4_k_m.gguf`."""
    word = rf"(?<![a-z0-9]){re.escape(quantisation.lower())}(?![a-z0-9_])"
    return bool(re.search(word, PurePosixPath(name).name.lower().removesuffix(".gguf")))
