"""An agent's loop: each turn asks again all that was asked before, and a little more."""

from collections.abc import Iterator

from benchmarks import texts
from benchmarks.asking import ask
from benchmarks.results import Figure, figure, ratio
from benchmarks.servers import live
from benchmarks.tested import Model

_RULES = 64  # about 1,500 tokens, with the tools
_TURNS = 10
_TOKENS = 16
_MOST = 0.25


def run(model: Model) -> Iterator[Figure]:
    """Measure one conversation, with the first turn's prompt as the one that is all new."""
    with live(model) as server:
        told = [
            ask(server.port, {**body, "max_tokens": _TOKENS, "stream": True})
            for body in texts.turns("Today", _RULES, _TURNS)
        ]
    cold, *later = [one.first for one in told]
    sizes = [f"{one.prompt_tokens:,} tokens" for one in told]
    yield figure(f"{model.title}, first token, turn 1 ({sizes[0]})", "s", [cold])
    what = f"{model.title}, first token, turns 2 to {_TURNS} (up to {sizes[-1]})"
    yield figure(what, "s", later)
    yield ratio(f"{what} / turn 1", later, [cold] * len(later), most=_MOST)
    slowest = [max(later) / cold]
    yield figure(f"{model.title}, the slowest of them / turn 1", "x", slowest, most=_MOST)
