"""Live answers over HTTP, against a bare loop over llama_cpp that makes as many tokens."""

from collections.abc import Callable, Iterator

from benchmarks import texts
from benchmarks.asking import ask
from benchmarks.bare import Made, bare
from benchmarks.results import Figure, figure, in_turn, ratio
from benchmarks.servers import live
from benchmarks.tested import Model

_ROOM = 4096
_RULES = 66
_PROMPTS = 6
_MOST = 1 / 0.97
_PLAINER = "bare loop without flash attention"

Generate = Callable[[str, int], Made]


def run(model: Model) -> Iterator[Figure]:
    """Measure in turn."""
    with (
        bare(model.path, _ROOM) as generate,
        bare(model.path, _ROOM, flash_attention=False) as plainer,
        live(model) as server,
    ):
        for loop in (generate, plainer):
            loop("Hello.", 1)  # what comes first loads things
        ask(server.port, {"messages": texts.chat("You are a writer.", "Hello."), "max_tokens": 1})
        yield from _answers(model, server.port, generate, plainer)
        yield from _prompts(model, server.port, generate, plainer)


def _answers(model: Model, port: int, generate: Generate, plainer: Generate) -> Iterator[Figure]:
    def over_http(edition: str, *, stream: bool = False) -> float:
        body = {"messages": _asked(edition), "max_tokens": model.tokens, "stream": stream}
        told = ask(port, body)
        assert told.tokens == model.tokens, "the answer ended too soon to be compared"
        return told.seconds

    def looped(loop: Generate, number: int) -> float:
        return loop(texts.as_told(_asked(f"Edition {number}")), model.tokens).seconds

    times = in_turn(
        {
            "plain": lambda number: over_http(f"Edition {number}"),
            "streamed": lambda number: over_http(f"Stream {number}", stream=True),
            "bare": lambda number: looped(generate, number),
            "plainer": lambda number: looped(plainer, number),
        },
        model.rounds,
    )
    what = f"{model.title}, answer of {model.tokens} tokens"
    yield figure(what, "s", times["plain"])
    for kind in ("plain", "streamed"):
        yield ratio(f"{what}, {kind} / bare loop", times[kind], times["bare"], most=_MOST)
        yield ratio(f"{what}, {kind} / {_PLAINER}", times[kind], times["plainer"], most=_MOST)


def _asked(edition: str) -> list[texts.Message]:
    story = texts.stories(edition)[0]
    return texts.chat(f"{story} Write.", story)


def _prompts(model: Model, port: int, generate: Generate, plainer: Generate) -> Iterator[Figure]:
    """An answer of one token to what nobody has asked before."""
    asked = [
        texts.chat(texts.manual(f"Edition {number}", _RULES), "Which is the first rule?")
        for number in range(_PROMPTS)
    ]
    count = generate(texts.as_told(asked[0]), 1).prompt_tokens

    def over_http(number: int) -> float:
        told = ask(port, {"messages": asked[number], "max_tokens": 1})
        assert told.prompt_tokens == count, "both must evaluate the same prompt"
        return told.seconds

    times = in_turn(
        {
            "live": over_http,
            "bare": lambda number: generate(texts.as_told(asked[number]), 1).seconds,
            "plainer": lambda number: plainer(texts.as_told(asked[number]), 1).seconds,
        },
        len(asked),
    )
    what = f"{model.title}, prompt of {count:,} tokens"
    yield figure(what, "s", times["live"])
    yield ratio(f"{what} / bare loop", times["live"], times["bare"], most=_MOST)
    yield ratio(f"{what} / {_PLAINER}", times["live"], times["plainer"], most=_MOST)
