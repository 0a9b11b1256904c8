"""llama.cpp's own server, asked the same over HTTP."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from benchmarks import servers, texts
from benchmarks.asking import Body, ask, forced
from benchmarks.results import Figure, figure, in_turn, ratio
from benchmarks.schemas import SCHEMAS
from benchmarks.servers import Peer
from benchmarks.tested import Model

_RULES = 18  # about 500 tokens
_FORCED = 128
_BOUNDED = (
    "one integer",
    "one boolean",
    "two strings",
    "enum",
    "deeply nested objects",
    "string length",
    "pattern",
    "date",
    "uuid and address",
    "integer range",
)
"""Schemas whose answers are about as long whoever gives them."""


def run(program: Path, model: Model) -> Iterator[Figure]:
    """Measure ten requests of the one, then of the others."""
    with (
        servers.live(model) as ours,
        servers.llama_server(program, model) as theirs,
        servers.llama_server(program, model, flash_attention=False) as plainer,
    ):
        peers = {"ours": ours, "theirs": theirs, "plainer": plainer}
        for peer in peers.values():
            ask(peer.port, {"messages": texts.chat("Hello.", "Hello."), "max_tokens": 1})
        for what, bodies in (
            ("that share nothing", _different),
            ("after one system prompt", _after_one),
            ("of one conversation", _conversation),
            ("forced into JSON", _forced),
        ):
            times = _measured(peers, bodies, model)
            what = f"{model.title}, 10 requests {what}"
            yield figure(what, "s", times["ours"])
            yield ratio(f"{what} / llama-server", times["ours"], times["theirs"], most=1)
            server = "llama-server without flash attention"
            yield ratio(f"{what} / {server}", times["ours"], times["plainer"], most=1)


def _measured(
    peers: Mapping[str, Peer], bodies: Callable[[str, int], list[Body]], model: Model
) -> Mapping[str, Sequence[float]]:
    """Seconds that all of these take, of each: one after the other, or who waits disturbs."""

    def seconds(peer: Peer, number: int) -> float:
        asked = bodies(f"Edition {number}", model.tokens // 4)
        return sum(ask(peer.port, body).seconds for body in asked)

    return in_turn({name: partial(seconds, peer) for name, peer in peers.items()}, model.rounds)


def _different(edition: str, tokens: int) -> list[Body]:
    return [_said(texts.chat(f"{story} Write.", story), tokens) for story in texts.stories(edition)]


def _after_one(edition: str, tokens: int) -> list[Body]:
    manual = texts.manual(f"{edition} for all", _RULES)
    return [_said(texts.chat(manual, story), tokens) for story in texts.stories(edition)]


def _conversation(edition: str, tokens: int) -> list[Body]:
    first, *later = texts.stories(edition)
    messages = texts.chat(texts.manual(f"{edition} only", _RULES), first)
    bodies = [_said(messages, tokens)]
    for story in later:
        answer = {"role": "assistant", "content": "That was another story. Which one now?"}
        messages = [*messages, answer, {"role": "user", "content": story}]
        bodies.append(_said(messages, tokens))
    return bodies


def _forced(edition: str, _: int) -> list[Body]:
    asked = (SCHEMAS[name] for name in _BOUNDED)
    return [forced(schema, f"{edition}: {question}", _FORCED) for schema, question in asked]


def _said(messages: list[texts.Message], tokens: int) -> Body:
    return {"messages": messages, "max_tokens": tokens, "temperature": 0}
