"""Thirty requests of all kinds, and others that are asked before them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any


@dataclass(frozen=True)
class Asked:
    """A request as it goes over HTTP. `body` names no model: `model` is an alias of any."""

    name: str
    path: str
    body: Mapping[str, Any]

    @property
    def streams(self) -> bool:
        """Whether it may be streamed."""
        return self.path != "/embeddings"


def chat(name: str, *said: str, system: str | None = None, **options: Any) -> Asked:
    """A chat completion; `said` are the user and the assistant in turn."""
    turns = [
        {"role": "assistant" if place % 2 else "user", "content": text}
        for place, text in enumerate(said)
    ]
    told = [{"role": "system", "content": system}, *turns] if system else turns
    return Asked(name, "/chat/completions", {"messages": told, "max_tokens": 12} | options)


def text(name: str, prompt: object, **options: Any) -> Asked:
    """A completion of a raw prompt."""
    return Asked(name, "/completions", {"prompt": prompt, "max_tokens": 12} | options)


def vectors(name: str, given: object) -> Asked:
    """Embeddings."""
    return Asked(name, "/embeddings", {"input": given})


def handbook(rules: int) -> str:
    """Instructions of about 22 tokens a rule, each the beginning of any longer ones."""
    told = (
        f"Rule {number}: parcels for zone {number * 7 % 13} leave at {number % 12 + 7} o'clock "
        f"and cost {number % 9 + 2} euros.\n"
        for number in range(1, rules + 1)
    )
    return "You help the clerks of a post office.\n" + "".join(told)


def function(name: str, description: str, **properties: Any) -> dict[str, Any]:
    """A tool as a body has it."""
    parameters = {"type": "object", "properties": properties, "required": list(properties)}
    about = {"name": name, "description": description, "parameters": parameters}
    return {"type": "function", "function": about}


TOOLS = [
    function("get_weather", "Current weather in a city", city={"type": "string", "maxLength": 12}),
    function("add", "Add two numbers", a={"type": "integer"}, b={"type": "integer"}),
]
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 12}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
FORM = {"type": "json_schema", "json_schema": {"name": "person", "schema": PERSON}}
ADD = {"type": "function", "function": {"name": "add"}}
CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'},
}
RAIN = [
    {"role": "user", "content": "What's the weather in Paris?"},
    {"role": "assistant", "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "call_1", "content": "It rains, 12 degrees."},
]
SEA = ("Tell me about the sea.", "It is deep and blue.")

REQUESTS = (
    chat("a plain question", "What is the capital of France"),
    chat("a plain request for code", "Write a Python function that adds two numbers."),
    chat("other writing than Latin", "日本の首都 🎉 Ответь коротко."),
    chat("one token", "Say yes or no.", max_tokens=1),
    chat("a second turn", *SEA, "And the sky?"),
    chat("a third turn", *SEA, "And the sky?", "It is high.", "Which is bigger?"),
    chat("a turn under instructions", *SEA, "Why?", system="Answer in five words."),
    chat("all instructions", "When does a parcel for zone 3 leave?", system=handbook(21)),
    chat("all instructions, sampled", "Hello!", system=handbook(21), temperature=1, seed=7),
    chat("half of the instructions", *SEA, "What costs 5 euros?", system=handbook(11)),
    chat("few instructions", "Who are you?", system=handbook(5)),
    chat("few instructions, with log-probabilities", "Hi.", system=handbook(5), logprobs=True),
    chat("a tool to call or not", "What's the weather in Paris?", tools=TOOLS, max_tokens=24),
    chat("a tool that is of no use", "Write a poem about the sea.", tools=TOOLS),
    chat("a required call", "Add 2 and 3.", tools=TOOLS, tool_choice="required", max_tokens=24),
    chat("a named function", "Add 17 and 4.", tools=TOOLS, tool_choice=ADD, max_tokens=24),
    Asked(
        "what a tool returned",
        "/chat/completions",
        {"messages": RAIN, "tools": TOOLS, "tool_choice": "none", "max_tokens": 12},
    ),
    chat("JSON by a schema", "Ann is 31 years old.", response_format=FORM, max_tokens=24),
    chat(
        "JSON by a schema, sampled",
        "Tell me about a person.",
        response_format=FORM,
        max_tokens=24,
        temperature=1.2,
        seed=3,
    ),
    chat("any JSON", "Bob as JSON:", response_format={"type": "json_object"}),
    chat("sampled", "Tell me a story.", temperature=1, seed=1, max_tokens=20),
    chat("sampled from the likeliest", "Tell me a story.", temperature=1.5, top_p=0.9, seed=2),
    chat("two choices", "Name a colour.", n=2, temperature=1, seed=11, max_tokens=8),
    chat("penalties", "Say na na na na.", frequency_penalty=1.5, presence_penalty=0.5),
    chat("log-probabilities", "What is the sun?", logprobs=True, top_logprobs=5),
    chat(
        "log-probabilities, sampled",
        "Tell me a story.",
        logprobs=True,
        top_logprobs=2,
        temperature=0.8,
        seed=5,
    ),
    chat("stop sequences", "Count from one to ten.", stop=[" the", "three", "\n"], max_tokens=24),
    text("a raw prompt", "Once upon a time, in a house by the sea,", temperature=0, max_tokens=20),
    text("token ids", [[40, 41, 42, 43, 44], [40, 41, 42]], temperature=0, logprobs=3),
    vectors("embeddings", ["The cat sleeps.", "Interest rates rose by three per cent in May."]),
)


_SOME = {
    "a plain question",
    "few instructions",
    "few instructions, with log-probabilities",
    "a tool to call or not",
    "a required call",
    "JSON by a schema, sampled",
    "log-probabilities, sampled",
    "a raw prompt",
    "embeddings",
}
SOME = tuple(asked for asked in REQUESTS if asked.name in _SOME)
"""One of each way to an answer."""
FEW = tuple(asked for asked in SOME if "instructions" not in asked.name)[::2]
"""Some of several kinds, of short prompts."""


def others(seed: int, count: int = 100) -> list[Asked]:
    """Requests that are cheap, and many of which begin as those above do."""
    chance = Random(seed)
    return [_other(f"other {number}", chance) for number in range(count)]


def shuffled(seed: int, requests: Sequence[Asked] = REQUESTS) -> list[Asked]:
    """The requests in an order of chance."""
    return Random(seed).sample(requests, len(requests))


_DEAR = {"tools", "tool_choice", "response_format"}
"""What takes more work than an answer of three tokens is worth."""


def _other(name: str, chance: Random) -> Asked:
    make = chance.choices((_begun, _short, _ruled), (20, 75, 5))[0]
    return make(name, chance)


def _begun(name: str, chance: Random) -> Asked:
    """What begins as one of the requests does, and soon ends."""
    like = chance.choice(
        [one for one in REQUESTS if one.streams and one.body.get("messages") != RAIN]
    )
    body = {part: what for part, what in like.body.items() if part not in _DEAR}
    change = {"max_tokens": chance.randint(1, 3), "temperature": chance.choice([0, 1]), "seed": 1}
    if "messages" in body:
        body["messages"] = [_beginning(one, chance) for one in body["messages"]]
    return Asked(name, like.path, body | change)


def _beginning(message: Mapping[str, Any], chance: Random) -> Mapping[str, Any]:
    content = message.get("content") or ""
    return {"role": message["role"], "content": content[: chance.randint(1, 100)] or "Well."}


def _short(name: str, chance: Random) -> Asked:
    words = " ".join(chance.choices(("sea", "the", "Once", "upon", "a", "house", "é"), k=4))
    if chance.random() < 0.2:
        return vectors(name, words)
    return text(name, words, max_tokens=chance.randint(1, 5), temperature=0)


def _ruled(name: str, chance: Random) -> Asked:
    words = "Hello! " * chance.randint(1, 4)
    return chat(name, words, system=handbook(chance.randint(1, 6)), max_tokens=2)
