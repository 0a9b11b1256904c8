"""llama.cpp's own server, asked the same over HTTP."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import servers, texts
from benchmarks.asking import Body, ask, forced
from benchmarks.results import Figure, in_turn, ratio
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
    """Measure request by request in turn. Each kind of ten requests is one value of a round."""
    with servers.live(model) as ours, servers.llama_server(program, model) as theirs:
        for peer in (ours, theirs):
            ask(peer.port, {"messages": texts.chat("Hello.", "Hello."), "max_tokens": 1})
        rounds = range(max(1, model.rounds // 3))
        for what, kind, most in (
            ("that share nothing", _different, 1.0),
            ("after one system prompt", _after_one, 1.0),
            ("of one conversation", _conversation, 1.0),
            ("forced into JSON", _forced, 1.0),
        ):
            values = [
                _measured(ours, theirs, kind(f"Edition {number}", model.tokens // 4))
                for number in rounds
            ]
            mine, their = zip(*values, strict=True)
            yield ratio(f"{model.title}, 10 requests {what} / llama-server", mine, their, most)


def _measured(ours: Peer, theirs: Peer, bodies: Sequence[Body]) -> tuple[float, float]:
    """Seconds that all of these take, of both."""
    times = in_turn(
        {
            "ours": lambda number: ask(ours.port, bodies[number]).seconds,
            "theirs": lambda number: ask(theirs.port, bodies[number]).seconds,
        },
        len(bodies),
    )
    return sum(times["ours"]), sum(times["theirs"])


def _different(title: str, tokens: int) -> list[Body]:
    return [_said(texts.chat(f"{story} {title}.", story), tokens) for story in texts.stories()]


def _after_one(title: str, tokens: int) -> list[Body]:
    manual = texts.manual(f"{title}, for all", _RULES)
    return [_said(texts.chat(manual, story), tokens) for story in texts.stories()]


def _conversation(title: str, tokens: int) -> list[Body]:
    stories = texts.stories()
    messages = texts.chat(texts.manual(f"{title}, for one", _RULES), stories[0])
    bodies = [_said(messages, tokens)]
    for story in stories[1:]:
        answer = {"role": "assistant", "content": "That was another story. Which one now?"}
        messages = [*messages, answer, {"role": "user", "content": story}]
        bodies.append(_said(messages, tokens))
    return bodies


def _forced(title: str, _: int) -> list[Body]:
    asked = (SCHEMAS[name] for name in _BOUNDED)
    return [forced(schema, f"{title}: {question}", _FORCED) for schema, question in asked]


def _said(messages: list[texts.Message], tokens: int) -> Body:
    return {"messages": messages, "max_tokens": tokens}
