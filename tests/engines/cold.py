"""Contexts that share nothing with any other."""

from collections.abc import Iterator
from contextlib import contextmanager

from slmtape.engines.llamacpp.context import Context
from slmtape.engines.llamacpp.contexts import Contexts
from slmtape.engines.llamacpp.prefixes import Prefixes
from slmtape.engines.llamacpp.weights import Weights


@contextmanager
def cold(weights: Weights) -> Iterator[Context]:
    """A new context."""
    contexts = Contexts(weights, Prefixes())
    with contexts.lent((), 1, lambda: None) as context:
        yield context
    contexts.close()
