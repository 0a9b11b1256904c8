"""Many clients of one server, each with a request of its own."""

from collections.abc import Iterator

from benchmarks import texts
from benchmarks.asking import Body, answering, ask, together
from benchmarks.results import Figure, figure, in_turn, ratio
from benchmarks.servers import live
from benchmarks.tested import Model

_CLIENTS = 8
_SHORT = 8
_LONG = 400


def run(model: Model) -> Iterator[Figure]:
    """Measure in turn."""
    rounds = max(1, model.rounds // 3)
    with live(model) as server:
        port = server.port
        ask(port, _body("Hello.", "Hello.", 1))
        times = in_turn(
            {
                "together": lambda number: together(port, _bodies(model, f"Team {number}")),
                "in turn": lambda number: sum(
                    ask(port, body).seconds for body in _bodies(model, f"Crew {number}")
                ),
                "short": lambda number: ask(port, _short(f"Alone {number}")).seconds,
                "meanwhile": lambda number: _meanwhile(port, f"Beside {number}"),
            },
            rounds,
        )
    what = f"{model.title}, {_CLIENTS} clients' requests at once"
    yield figure(what, "s", times["together"])
    yield ratio(f"{what} / one after the other", times["together"], times["in turn"], most=1)
    what = f"{model.title}, short answer during a long one / alone"
    yield ratio(what, times["meanwhile"], times["short"], most=2.5)


def _bodies(model: Model, title: str) -> list[Body]:
    """What each client asks."""
    stories = texts.stories(title)[:_CLIENTS]
    return [_body(f"{story} Write.", story, model.tokens // 2) for story in stories]


def _meanwhile(port: int, title: str) -> float:
    """Seconds of a short answer while another is being given, which is given up then."""
    with answering(port, _body(f"Long. {title}.", texts.stories(title)[1], _LONG)):
        return ask(port, _short(title)).seconds


def _short(title: str) -> Body:
    return _body(f"{title}.", texts.stories(title)[0], _SHORT)


def _body(system: str, user: str, tokens: int) -> Body:
    return {"messages": texts.chat(system, user), "max_tokens": tokens}
