"""What tests of model families share: conversations, and a random model that says what it must."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from slmtape import engines, models
from slmtape.engines.llamacpp.template import ChatTemplate
from slmtape.generation import GenerationRequest, Message, Tool, ToolCall

if TYPE_CHECKING:
    from slmtape.engines.llamacpp.engine import LlamaCppEngine

ENDS = {
    "llama": ("<|eot_id|>", "<|eom_id|>", "<|end_of_text|>"),
    "qwen2": ("<|im_end|>", "<|endoftext|>"),
    "smollm3": ("<|im_end|>", "<|end_of_text|>"),
    "gemma3": ("<end_of_turn>", "<eos>"),
}
"""The tokens that a family's models end with, the usual one first."""

WEATHER = Tool(
    "get_weather",
    "Current weather in a city",
    '{"type":"object","properties":{"city":{"type":"string","maxLength":12},'
    '"days":{"type":"integer","minimum":1,"maximum":7}},"required":["city","days"],'
    '"additionalProperties":false}',
)
NOW = Tool("now", "The current time")
TOOLS = (WEATHER, NOW)

PARIS = ToolCall("get_weather", '{"city":"Paris","days":2}', "one")
ROME = ToolCall("get_weather", '{"city":"Rome","days":1}', "two")
TURNS = (
    Message("system", "Speak like a pirate."),
    Message("user", "Good morning."),
    Message("assistant", "Ahoy."),
    Message("user", "Is it sunny?"),
)
CALLS = (
    *TURNS,
    Message("assistant", "", tool_calls=(PARIS,)),
    Message("tool", "It rains.", tool_call_id="one"),
    Message("assistant", "Rain, matey."),
    Message("user", "Elsewhere?"),
)


def prompt(template: ChatTemplate, request: GenerationRequest, /, **options: Any) -> str:
    """What a model reads of a request."""
    messages = template.format.tell(request.messages, request.tools)
    return template.render(messages, request.tools, **options)


def asked(*messages: Message, **options: Any) -> GenerationRequest:
    """A request with these messages, or a question where there are none."""
    messages = messages or (Message("user", "What is it?"),)
    return GenerationRequest(model="tiny", messages=messages, **{"max_tokens": 40} | options)


class Tiny:
    """A model of random weights, and its engine."""

    def __init__(self, path: Path) -> None:
        engine: LlamaCppEngine = engines.load("llamacpp", models.find(str(path)), path.stem)  # type: ignore[assignment]
        self.engine = engine
        engine.load()
        assert engine._weights is not None
        self.weights = engine._weights
        self.template = self.weights.template
        self.family = path.stem

    def tokens(self, *parts: str) -> list[int]:
        """The tokens of these parts."""
        return [one for part in parts for one in self.weights.tokens(part, opening=False)]

    def saying(self, *parts: str) -> dict[str, Any]:
        """Options of a request that has the model say these parts, one after the other.

        What comes first is likeliest, and what has been said no longer is: no token comes twice.
        """
        tokens = self.tokens(*parts)
        assert len(set(tokens)) == len(tokens) <= 16, tokens
        biases = tuple((token, 100.0 - 6 * place) for place, token in enumerate(tokens))
        return {"logit_bias": biases, "extras": (("repeat_penalty", "1000"),)}
