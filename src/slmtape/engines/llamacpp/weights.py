"""A model's file, loaded once per process and shared by every server of it."""

import ctypes
import logging
import threading
from collections import deque
from collections.abc import Callable
from functools import cache, cached_property
from pathlib import Path

import llama_cpp.llama_cpp as llama

from slmtape.engines.llamacpp.grammars import Grammars
from slmtape.engines.llamacpp.space import check, need, told
from slmtape.engines.llamacpp.template import ChatTemplate
from slmtape.engines.llamacpp.thinking import CLOSES, OPENS
from slmtape.errors import EngineError

logger = logging.getLogger("slmtape")

_MARKERS = (OPENS, CLOSES, "<tool_call>", "</tool_call>")


class Weights:
    """A loaded model: its weights, vocabulary and chat template."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.model = _loaded(path)
        self.vocab = llama.llama_model_get_vocab(self.model)
        self.size = llama.llama_vocab_n_tokens(self.vocab)
        self.width = llama.llama_model_n_embd(self.model)
        self.context_length = llama.llama_model_n_ctx_train(self.model)
        self.need = need(self.model)
        self._room = ctypes.create_string_buffer(256)
        self.forked()
        self.text = cache(self._text)
        self.ends = cache(self._ends)
        self._grammars: Grammars | None = None
        bos, eos = llama.llama_vocab_bos(self.vocab), llama.llama_vocab_eos(self.vocab)
        self._bos = self._name(bos)
        source = llama.llama_model_chat_template(self.model, None)
        try:
            self.template = ChatTemplate(
                source.decode(errors="replace") if source else None,
                bos=self._bos,
                eos=self._name(eos),
            )
        except EngineError as error:
            self.close()
            raise EngineError(f"{path}: {error.message}") from error

    text: Callable[[int], bytes]
    """What a token adds to the text; nothing for most control tokens."""

    ends: Callable[[int], bool]
    """Whether the model says with this token that it is done."""

    def forked(self) -> None:
        """Go on in a forked child, where nobody lets go of what a thread of its parent held."""
        self._lock = threading.Lock()
        self._making = threading.Lock()

    def close(self) -> None:
        """Free the memory. Only what was read before may be asked for afterwards."""
        logger.info("unloading %s", self.path.name)
        llama.llama_model_free(self.model)
        self.model = self.vocab = None
        self._grammars = None

    @cached_property
    def ends_of_text(self) -> list[int]:
        """The tokens with which the model says that it is done."""
        return [token for token in range(self.size) if self.ends(token)]

    @property
    def grammars(self) -> Grammars:
        """What forces answers into a form: made when the first one is."""
        with self._making:
            if self._grammars is None:
                names = [self.name(token) for token in range(self.size)]
                self._grammars = Grammars(self.vocab, names, self.ends_of_text)
            return self._grammars

    @cached_property
    def marks_of_thoughts(self) -> list[int]:
        """The tokens that stand around thoughts, if the model is one that thinks."""
        marks = (OPENS.encode(), CLOSES.encode())
        thinks = self.template.thinks
        return [token for token, text in self._markers.items() if thinks and text in marks]

    @cached_property
    def _markers(self) -> dict[int, bytes]:
        """Control tokens that are part of what a model says."""
        tokens = {marker: self.tokens(marker, opening=False) for marker in _MARKERS}
        return {ids[0]: marker.encode() for marker, ids in tokens.items() if len(ids) == 1}

    def tokens(self, prompt: str, *, opening: bool = True) -> list[int]:
        """The prompt's tokens, the model's own opening token first where it wants one."""
        text = prompt.encode()
        opens = (
            opening
            and llama.llama_vocab_get_add_bos(self.vocab)
            and not (self._bos and prompt.startswith(self._bos))
        )
        room = (llama.llama_token * (len(text) + 2))()
        count = llama.llama_tokenize(self.vocab, text, len(text), room, len(room), opens, True)
        return list(room[:count])

    def _text(self, token: int) -> bytes:
        return self._markers.get(token) or self._piece(token, special=False)

    def name(self, token: int) -> bytes:
        """A token's own text, also a control token's."""
        return self._piece(token, special=True)

    def _ends(self, token: int) -> bool:
        return bool(llama.llama_vocab_is_eog(self.vocab, token))

    def _name(self, token: int) -> str:
        return self._piece(token, special=True).decode(errors="replace") if token >= 0 else ""

    def _piece(self, token: int, *, special: bool) -> bytes:
        with self._lock:
            length = len(self._room)
            size = llama.llama_token_to_piece(self.vocab, token, self._room, length, 0, special)
            if size < 0:
                self._room = ctypes.create_string_buffer(-size)
                size = llama.llama_token_to_piece(self.vocab, token, self._room, -size, 0, special)
            return self._room.raw[:size]


def _loaded(path: Path) -> object:
    """llama.cpp's handle of a model that generates. Raises EngineError."""
    logger.info("loading %s", path.name)
    if not path.is_file():
        raise EngineError(f"{path} is no file: a model is one that ends in .gguf.")
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise EngineError(f"{path} is no GGUF file, the only kind that llama.cpp reads.")
    check(f"Loading {path.name}", path.stat().st_size, "Take a smaller model.")
    _complaints.clear()
    model = _mapped(path) or _read(path)
    if not model:
        why = next(iter(_complaints), "it does not say why")
        raise EngineError(
            f"llama.cpp can't load {path}: {why}. Is it a whole file of a model that it knows? "
            "Get it again, or another one."
        )
    if other := _other_than_generating(model):
        llama.llama_model_free(model)
        raise EngineError(
            f"{path} is {other}: it can't answer. Take one that generates text, token by token."
        )
    return model


def _other_than_generating(model: object) -> str:
    """What a model is that does not generate; nothing where it does."""
    if told(model, "attention.causal") == "false" or told(model, "pooling_type"):
        return "a model for embeddings"
    if llama.llama_model_has_encoder(model):  # llama.cpp would end the process
        return "a model with an encoder, as T5 is one"
    if llama.llama_model_is_diffusion(model):
        return "a diffusion model"
    return ""


def _mapped(path: Path) -> object:
    """The model with its file mapped, which processes share; None where it should be read.

    Where llama.cpp rearranges matrices for this processor, those of a mapped file would stay beside
    the new ones. It says so before it reads any.
    """
    params = llama.llama_model_default_params()
    params.load_mode = llama.LLAMA_LOAD_MODE_MMAP
    params.progress_callback = _goes_on
    _loading.rearranges = False
    return llama.llama_model_load_from_file(str(path).encode(), params)


def _read(path: Path) -> object:
    """The model with its file read into memory; None where llama.cpp refuses it."""
    _complaints.clear()
    params = llama.llama_model_default_params()
    params.load_mode = llama.LLAMA_LOAD_MODE_NONE
    return llama.llama_model_load_from_file(str(path).encode(), params)


_loading = threading.local()


def _unless_rearranged(_: float, __: object) -> bool:
    return not _loading.rearranges


_goes_on = llama.llama_progress_callback(_unless_rearranged)


_INFO, _WARNING, _ERROR = 2, 3, 4
_complaints: deque[str] = deque(maxlen=8)
"""What went wrong last, as llama.cpp told it, without the function's name."""


def _log(level: int, text: bytes, _: object) -> None:
    if level == _INFO and b"CPU_REPACK model buffer" in text:
        _loading.rearranges = True
    if level in (_WARNING, _ERROR):
        said = text.decode(errors="replace").strip()
        logger.debug("llama.cpp: %s", said)
        if level == _ERROR:
            _complaints.append(said.split(": ", 1)[-1])


_on_log = llama.llama_log_callback(_log)
llama.llama_log_set(_on_log, ctypes.c_void_p(0))
