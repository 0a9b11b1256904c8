"""What the openai client asks the echoing engine, or a stub that says the same."""

from typing import Any

from openai import OpenAI

TEXT = "one two three four"
TOOL: Any = {
    "type": "function",
    "function": {"name": "f", "parameters": {"type": "object", "properties": {"x": {}}}},
}


def asking(text: str) -> Any:
    return {"model": "echo", "messages": [{"role": "user", "content": text}]}


def said(client: OpenAI) -> Any:
    """The choice that answers a plain call."""
    return client.chat.completions.create(**asking(TEXT)).choices[0]


def called(client: OpenAI, **options: Any) -> Any:
    """The choice that calls a tool."""
    asked = asking('call f {"x":123}') | {"tools": [TOOL]} | options
    return client.chat.completions.create(**asked).choices[0]


class Stream:
    """A streamed answer: `text` as far as it came, `finish_reason`, and the error that ended it."""

    def __init__(self, client: OpenAI, **options: Any) -> None:
        self.text = ""
        self.finish_reason: str | None = None
        self.error: Exception | None = None
        try:
            for chunk in client.chat.completions.create(**asking(TEXT), stream=True, **options):
                self.text += chunk.choices[0].delta.content or ""
                self.finish_reason = chunk.choices[0].finish_reason
        except Exception as error:
            self.error = error
