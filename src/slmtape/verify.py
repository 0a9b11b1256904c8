"""Is a recording still what the model says? It is asked again, and the two answers compared."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from slmtape.contrast import Contrast, contrasts
from slmtape.errors import EngineNotInstalled, ModelError, ServerStopped, SlmtapeError
from slmtape.generating import answer, recording
from slmtape.generation import EmbeddingResult, Engine, Piece, Recording, Result, Token
from slmtape.results import plain

logger = logging.getLogger("slmtape")

_SHOWN = 8
_ELSEWHERE = ("model", "cpu")
"""What may differ from machine to machine, and answers with it."""


class Outcome(StrEnum):
    """What came of asking again."""

    SAME = "same"
    CHANGED = "changed"
    CANNOT_TELL = "cannot_tell"

    def __str__(self) -> str:
        return "can't tell" if self is Outcome.CANNOT_TELL else self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is true of a recording.

    `differences` are those of its result from what was generated now, `made_with` those of its
    model's digest, and of what it was made with, from what there is now. `why` is a sentence: what
    kept anybody from telling, or what else there is to know.
    """

    outcome: Outcome
    differences: tuple[Contrast, ...] = ()
    made_with: tuple[Contrast, ...] = ()
    why: str = ""

    def lines(self) -> Iterator[str]:
        """What people read of it."""
        yield from self.findings()
        if self.made_with:
            yield "What it was made with differs (recorded → now):"
            yield from (f"  {one}" for one in self.made_with)

    def findings(self) -> Iterator[str]:
        """The same without `made_with`, which many recordings share."""
        if self.why:
            yield self.why
        if self.differences:
            yield "The answer differs (recorded → generated):"
        yield from (f"  {one}" for one in self.differences[:_SHOWN])
        if len(self.differences) > _SHOWN:
            yield f"  … and {len(self.differences) - _SHOWN} more"


def verify(recorded: Recording, engine: Engine, say: Callable[[Piece], None]) -> Verdict:
    """Ask the engine again, and compare. `say` is told the pieces; what it raises stops.

    Raises EngineNotInstalled where nothing can be generated at all.
    """
    try:
        result = answer(engine, recorded.request, say)
        return compare(recorded, recording(engine, recorded.request, result))
    except (EngineNotInstalled, ServerStopped):
        raise
    except ModelError as error:
        return unverifiable(error)
    except SlmtapeError as error:
        return _unanswered(recorded, engine, error.message)
    except Exception as error:
        logger.exception("answering failed")
        return _unanswered(recorded, engine, f"{type(error).__name__}: {error}")


def unverifiable(error: ModelError) -> Verdict:
    """Nobody can tell, because the model is not to be had."""
    return Verdict(outcome=Outcome.CANNOT_TELL, why=error.message)


def compare(recorded: Recording, again: Recording) -> Verdict:
    """Whether two recordings of a request say the same, and why they may differ."""
    found = tuple(_differences(recorded.result, again.result))
    if not found:
        return Verdict(outcome=Outcome.SAME)
    made = tuple(contrasts(provenance(recorded), provenance(again)))
    elsewhere = _elsewhere(made)
    edited = "It was edited by hand." if recorded.edited else ""
    return Verdict(
        outcome=Outcome.CANNOT_TELL if elsewhere else Outcome.CHANGED,
        differences=found,
        made_with=made,
        why=" ".join(filter(None, [edited, elsewhere])),
    )


def provenance(recording: Recording) -> dict[str, str]:
    """What the recording depends on besides its request: the digest of its model as well."""
    return {"model": recording.model.sha256, **recording.made_with}


def _elsewhere(made: tuple[Contrast, ...]) -> str:
    """A sentence, where what differs may well be due to another machine or model."""
    different = [one for one in made if one.path in _ELSEWHERE]
    if not different:
        return ""
    if all(one.before is None for one in different):
        return "It doesn't say what processor it was made on."
    names = {"model": "with another file of the model", "cpu": "on another kind of processor"}
    made_there = " and ".join(names[one.path] for one in different)
    return f"It was made {made_there}, where it may be true."


def _unanswered(recorded: Recording, engine: Engine, complaint: str) -> Verdict:
    made = contrasts({"model": recorded.model.sha256}, {"model": engine.model.sha256})
    return Verdict(
        outcome=Outcome.CANNOT_TELL if made else Outcome.CHANGED,
        made_with=tuple(made),
        why=f"The model gives no answer to this now: {complaint}",
    )


def _differences(recorded: Result, again: Result) -> list[Contrast]:
    """What was said differs; or else the numbers beside it, or how it was cut into pieces."""
    return contrasts(plain(recorded), plain(again)) or contrasts(
        _details(recorded), _details(again)
    )


def _details(result: Result) -> dict[str, Any]:
    if isinstance(result, EmbeddingResult):
        return {"embedding": list(result.vector)}
    tokens = [_likely(token) for piece in result.pieces for token in piece.tokens]
    return {"logprobs": tokens, "pieces": "|".join(piece.text for piece in result.pieces)}


def _likely(token: Token) -> dict[str, Any]:
    top = [{"token": _readable(text), "logprob": logprob} for text, logprob in token.top]
    return {"token": _readable(token.text), "logprob": token.logprob, "top_logprobs": top}


def _readable(text: bytes) -> str:
    return text.decode(errors="backslashreplace")
