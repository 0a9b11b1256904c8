"""A request put to an engine, and what it answers as a recording."""

from collections.abc import Callable, Mapping

import slmtape
from slmtape.generation import EmbeddingRequest, Engine, Piece, Recording, Request, Result
from slmtape.keys import key


def answer(engine: Engine, request: Request, say: Callable[[Piece], None]) -> Result:
    """The engine's answer, complete; `say` is told its pieces, and what it raises stops."""
    if isinstance(request, EmbeddingRequest):
        return engine.embed(request, say)
    return engine.generate(request, say)


def made_with(engine: Engine, request: Request) -> Mapping[str, str]:
    """What an answer to this request depends on besides it and the model, as recordings say it."""
    return {"slmtape": slmtape.__version__, **engine.made_with(request)}


def recording(engine: Engine, request: Request, result: Result) -> Recording:
    """What the engine answered, as it is recorded."""
    return Recording(
        key=key(request),
        model=engine.model,
        request=request,
        result=result,
        made_with=made_with(engine, request),
    )
