"""A recording as people read a conversation, in parts that rich prints."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from slmtape.cli.visible import visible
from slmtape.generation import (
    EmbeddingResult,
    GenerationRequest,
    GenerationResult,
    JsonFormat,
    Recording,
    Request,
    Tool,
    ToolCall,
)
from slmtape.keys import canonical

_STYLES = {"system": "magenta", "user": "cyan", "assistant": "green", "tool": "yellow"}
_SHOWN = {"model", "messages", "prompt", "input", "tools", "response_format"}
"""What of a request is told in its own way."""


def parts(path: Path, recording: Recording, tests: Sequence[str]) -> Iterator[RenderableType]:
    """What there is to say of it, from top to bottom; `tests` are those that replay it."""
    yield Text(visible(path.as_posix()), style="bold")
    yield from _asked(recording.request)
    yield from _answered(recording.result)
    yield ""
    yield _about(recording, tests)


def _asked(request: Request) -> Iterator[RenderableType]:
    if not isinstance(request, GenerationRequest):
        yield from _said("input", _text_or_tokens(request.input))
        return
    calls: dict[str, str] = {}
    for message in request.messages:
        role = message.role if message.name is None else f"{message.role} {message.name}"
        if message.tool_call_id is not None:
            role = f"{role} {calls.get(message.tool_call_id, message.tool_call_id)}"
        calls |= {call.id: call.name for call in message.tool_calls}
        yield from _said(role, message.content, message.tool_calls)
    if request.prompt is not None:
        yield from _said("prompt", _text_or_tokens(request.prompt))


def _answered(result: GenerationResult | EmbeddingResult) -> Iterator[RenderableType]:
    yield ""
    yield Text("answer", style="bold reverse green")
    if isinstance(result, EmbeddingResult):
        first = ", ".join(f"{value:.4f}" for value in result.vector[:4])
        yield _indented(f"a vector of {len(result.vector)} dimensions: {first} …")
        return
    if result.reasoning:
        yield _indented(result.reasoning, "dim italic")
    if result.text:
        yield _indented(result.text)
    if result.refusal:
        yield _indented(f"refused: {result.refusal}")
    yield from map(_call, result.tool_calls)


def _said(role: str, content: str, calls: Sequence[ToolCall] = ()) -> Iterator[RenderableType]:
    yield ""
    yield Text(visible(role), style=f"bold {_STYLES.get(role.split()[0], 'cyan')}")
    if content:
        yield _indented(content)
    yield from map(_call, calls)


def _call(call: ToolCall) -> RenderableType:
    heading = Text.assemble("calls ", (visible(call.name), "bold"))
    return Padding(Group(heading, _indented(_pretty(call.arguments))), (0, 0, 0, 2), expand=False)


def _about(recording: Recording, tests: Sequence[str]) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column()
    for name, told in _lines(recording, tests):
        grid.add_row(name, told if isinstance(told, Text) else Text(visible(told)))
    return grid


def _lines(recording: Recording, tests: Sequence[str]) -> Iterator[tuple[str, str | Text]]:
    request, model = recording.request, recording.model
    yield "key", recording.key
    yield "model", f"{model.name} ({model.file}, sha256 {model.sha256[:12]}…)"
    yield from _settings(request)
    yield from _ending(recording.result)
    if recording.edited:
        yield "edited", "by hand"
    yield "made with", "\n".join(f"{name} {value}" for name, value in recording.made_with.items())
    if tests:
        yield "replayed by", "\n".join(tests)


def _settings(request: Request) -> Iterator[tuple[str, str | Text]]:
    """What a request has besides what was said."""
    if isinstance(request, GenerationRequest):
        if request.tools:
            yield "tools", Text("\n").join(map(_tool, request.tools))
        if request.response_format:
            yield "answers as", _format(request.response_format)
    given = {name: value for name, value in canonical(request).items() if name not in _SHOWN}
    if given:
        yield "parameters", "\n".join(f"{name} {_json(value)}" for name, value in given.items())


def _ending(result: GenerationResult | EmbeddingResult) -> Iterator[tuple[str, str]]:
    if isinstance(result, EmbeddingResult):
        yield "usage", f"{result.prompt_tokens:,} tokens"
        return
    thought = f", {result.reasoning_tokens:,} of them thought" if result.reasoning_tokens else ""
    yield "finish reason", result.finish_reason
    yield "usage", f"{result.prompt_tokens:,} + {result.completion_tokens:,} tokens{thought}"
    likely = sum(len(piece.tokens) for piece in result.pieces)
    if likely:
        yield "log-probabilities", f"of {likely:,} tokens"


def _tool(tool: Tool) -> Text:
    """A function as it would be declared, and what it does."""
    told = Text(visible(f"{tool.name}({', '.join(_parameters(tool))})"))
    return told.append(visible(f"\n  {tool.description}"), "dim") if tool.description else told


def _parameters(tool: Tool) -> list[str]:
    """The names, with a question mark behind those that may be left away."""
    match json.loads(tool.parameters or "{}"):
        case {"properties": dict(named), **rest}:
            required = rest.get("required")
            needed = required if isinstance(required, list) else []
            return [name if name in needed else f"{name}?" for name in named]
    return []


def _format(wanted: JsonFormat) -> str:
    about = f": {wanted.description}" if wanted.description else ""
    if wanted.schema is None:
        return f"a JSON object{about}"
    return f"JSON of the schema{about}\n{_pretty(wanted.schema)}"


def _indented(text: str, style: str = "") -> Padding:
    return Padding(Text(visible(text), style=style), (0, 0, 0, 2), expand=False)


def _text_or_tokens(said: str | tuple[int, ...]) -> str:
    if isinstance(said, str):
        return said
    return f"{len(said):,} tokens: {' '.join(map(str, said))}"


def _pretty(text: str) -> str:
    """JSON text with indents; what is cut off as it is."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
