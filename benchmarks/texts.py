"""What models are asked. Prompts that must share nothing differ from their first words on."""

import json
from collections.abc import Iterator
from typing import Any

Message = dict[str, Any]

_SUBJECTS = (
    "Lighthouses, their keepers and the sea",
    "Trains that never arrive",
    "Sisters who open a bakery",
    "Bookshops of small towns",
    "Gardeners and very old trees",
    "Robots that learn to paint",
    "Villages below a mountain",
    "Maps that change every night",
    "Doctors on small islands",
    "Clocks that run backwards",
)
_THINGS = ("a parcel", "an invoice", "a broken cup", "a voucher", "a new address", "a late train")
_PLACES = ("Paris", "Lisbon", "Oslo", "Vienna", "Dublin")

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": name,
            "description": description,
            "parameters": {
                "type": "object",
                "properties": {parameter: {"type": "string"}},
                "required": [parameter],
            },
        },
    }
    for name, description, parameter in (
        ("find_order", "Look an order up by its number", "number"),
        ("get_weather", "The current weather in a city", "city"),
        ("send_mail", "Send a mail to a customer", "text"),
    )
]


def stories(edition: str) -> list[str]:
    """Ten wishes that no model is done with soon. Editions share no more than a first digit."""
    wishes = (f"{edition}, {subject}. Write a long story about that." for subject in _SUBJECTS)
    return [f"{number}: {wish}" for number, wish in enumerate(wishes)]


def manual(title: str, rules: int) -> str:
    """A long system prompt. Sixty rules are about 1,500 tokens."""
    return "\n".join([f"{title}: the rules of a help desk.", *map(_rule, range(rules))])


def _rule(number: int) -> str:
    thing, place = _THINGS[number % len(_THINGS)], _PLACES[number % len(_PLACES)]
    return (
        f"{number}. Who writes from {place} about {thing} is answered within {number % 7 + 2} "
        "hours, by name."
    )


def chat(system: str, user: str) -> list[Message]:
    """The messages of a question."""
    return [{"role": "system", "content": system}, {"role": "user", "content": user}]


def as_told(messages: list[Message]) -> str:
    """The prompt that the templates of SmolLM2 and Qwen2.5 make of these."""
    told = [f"<|im_start|>{one['role']}\n{one['content']}<|im_end|>\n" for one in messages]
    return "".join([*told, "<|im_start|>assistant\n"])


def turns(title: str, rules: int, count: int) -> Iterator[dict[str, Any]]:
    """What an agent asks, turn by turn: with tools, and all that was said before."""
    messages = chat(manual(title, rules), "Where is order 1?")
    for number in range(1, count + 1):
        yield {"messages": list(messages), "tools": TOOLS}
        call = {"name": "find_order", "arguments": json.dumps({"number": str(number)})}
        calls = [{"id": f"call_{number}", "type": "function", "function": call}]
        messages += [
            {"role": "assistant", "content": None, "tool_calls": calls},
            {"role": "tool", "tool_call_id": f"call_{number}", "content": "It waits in Oslo."},
            {"role": "assistant", "content": f"Order {number} waits in Oslo."},
            {"role": "user", "content": f"Where is order {number + 1}?"},
        ]
