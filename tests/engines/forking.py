"""Asks an engine, and again in a child of the same thread: `python forking.py MODEL`."""

import os
import sys

from slmtape import engines, models
from slmtape.generation import GenerationRequest

engine = engines.load("llamacpp", models.find(sys.argv[1]), "model")
request = GenerationRequest(model="model", prompt="The sea is wide. " * 8, max_tokens=4)


def said() -> str:
    """The answer's text."""
    return "".join(piece.text for piece in engine.generate(request, lambda _: None).pieces)


before = said()
if child := os.fork():
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
os._exit(0 if said() == before else 1)
