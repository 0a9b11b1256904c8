"""llama.cpp's own server, asked the same over HTTP."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import servers, texts
from benchmarks.asking import Body, ask, forced
from benchmarks.results import Figure, figure, ratio
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
    """Measure ten requests of the one, then of the other."""
    with servers.live(model) as ours, servers.llama_server(program, model) as theirs:
        for peer in (ours, theirs):
            ask(peer.port, {"messages": texts.chat("Hello.", "Hello."), "max_tokens": 1})
        for what, bodies in (
            ("that share nothing", _different),
            ("after one system prompt", _after_one),
            ("of one conversation", _conversation),
            ("forced into JSON", _forced),
        ):
            mine, their = _measured(ours, theirs, bodies(model.tokens // 4))
            what = f"{model.title}, 10 requests {what}"
            yield figure(what, "s", [mine])
            yield ratio(f"{what} / llama-server", [mine], [their], most=1)


def _measured(ours: Peer, theirs: Peer, bodies: Sequence[Body]) -> tuple[float, float]:
    """Seconds that all of these take, of both: one after the other, or who waits disturbs."""
    mine, their = (sum(ask(peer.port, body).seconds for body in bodies) for peer in (ours, theirs))
    return mine, their


def _different(tokens: int) -> list[Body]:
    return [_said(texts.chat(f"{story} Write.", story), tokens) for story in texts.stories()]


def _after_one(tokens: int) -> list[Body]:
    manual = texts.manual("One for all", _RULES)
    return [_said(texts.chat(manual, story), tokens) for story in texts.stories()]


def _conversation(tokens: int) -> list[Body]:
    first, *later = texts.stories()
    messages = texts.chat(texts.manual("Only once", _RULES), first)
    bodies = [_said(messages, tokens)]
    for story in later:
        answer = {"role": "assistant", "content": "That was another story. Which one now?"}
        messages = [*messages, answer, {"role": "user", "content": story}]
        bodies.append(_said(messages, tokens))
    return bodies


def _forced(_: int) -> list[Body]:
    asked = (SCHEMAS[name] for name in _BOUNDED)
    return [forced(schema, question, _FORCED) for schema, question in asked]


def _said(messages: list[texts.Message], tokens: int) -> Body:
    return {"messages": messages, "max_tokens": tokens, "temperature": 0}
