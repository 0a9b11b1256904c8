"""Fixtures of aimock as lines of Python: `server.stub(…)`, or `server.fault(…)` for an error."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from json import loads
from typing import Any

from slmtape.importing import Left
from slmtape.importing.answers.said import Usage

_SYSTEM = '"\\n".join(m.content for m in request.messages if m.role == "system")'
_CONDITIONS: Mapping[str, Callable[[Any], str]] = {
    "systemMessage": lambda text: f"{text!r} in {_SYSTEM}",
    "toolCallId": lambda _: 'request.messages[-1].role == "tool"',
    "toolResultContains": lambda text: f"{text!r} in request.messages[-1].content",
    "toolName": lambda name: f"any(tool.name == {name!r} for tool in request.tools)",
    "responseFormat": lambda _: "request.response_format is not None",
    "turnIndex": lambda n: f'sum(m.role == "assistant" for m in request.messages) == {n!r}',
    "hasToolResult": lambda has: f'request.messages[-1].role {"==" if has else "!="} "tool"',
}
"""What a matcher of aimock's asks of a request, as Python."""

_NOT_ASKED = ("toolCallId", "context")
"""Matchers that nothing in a request answers to: ids of calls are not kept."""

_FINISH_REASONS = ("length", "content_filter")


@dataclass(slots=True)
class Stub:
    """A stub, or a fault, that does what a fixture does; `asked` are the arguments that match."""

    place: str
    asked: str
    answers: list[str]
    kind: str = "stub"

    @property
    def line(self) -> str:
        """The line of Python."""
        answers = self.answers[0] if len(self.answers) == 1 else f"[{', '.join(self.answers)}]"
        return f"server.{self.kind}({answers}, {self.asked})"


def stub(place: str, match: Mapping[str, Any], response: Mapping[str, Any]) -> Stub:
    """What the fixture is here. Raises KeyError, TypeError or ValueError where it is none."""
    asked = ", ".join([*_arguments(match), "optional=True"])
    if "error" in response:
        return Stub(place, asked, [_fault(response)], "fault")
    return Stub(place, asked, [_reply(response)])


def hints(place: str, match: Mapping[str, Any]) -> Iterator[Left]:
    """What the stub doesn't ask that the fixture did."""
    for name in _NOT_ASKED:
        if name in match:
            yield Left(place, f"`match.{name}`", "Its stub answers without it.", partly=True)


def _arguments(match: Mapping[str, Any]) -> Iterator[str]:
    said = match.get("userMessage", match.get("inputText"))
    if said is not None:
        yield f"user={said!r}"
    if "model" in match:
        yield f"model={match['model']!r}"
    conditions = [_condition(name, match[name]) for name in _CONDITIONS if name in match]
    if conditions:
        yield f"when=lambda request: {' and '.join(conditions)}"


def _condition(name: str, wanted: Any) -> str:
    alternatives = wanted if isinstance(wanted, list) else [wanted]
    return " and ".join(_CONDITIONS[name](one) for one in alternatives)


def _reply(response: Mapping[str, Any]) -> str:
    """The answer as Python: a text, or a Reply where there is more to it."""
    if "embedding" in response:
        return f"Reply(vector={response['embedding']!r})"
    text, calls = _said(response)
    more = [repr(text)] if isinstance(text, str) and text else []
    more += [f"data={text!r}"] if not isinstance(text, str) else []
    more += [f"calls=[{', '.join(calls)}]"] if calls else []
    more += [f"reasoning={response['reasoning']!r}"] if response.get("reasoning") else []
    if response.get("finishReason") in _FINISH_REASONS:
        more.append(f"finish_reason={response['finishReason']!r}")
    if counts := usage(response):
        more.append(f"usage=Usage({counts.prompt}, {counts.completion})")
    if not (text or calls):
        raise ValueError("it answers nothing")
    plain = isinstance(text, str) and len(more) == 1 and bool(text)
    return more[0] if plain else f"Reply({', '.join(more)})"


def usage(response: Mapping[str, Any]) -> Usage | None:
    """Counts of tokens, as one API or the other calls them; None: they are not told."""
    told = response.get("usage")
    if not told:
        return None
    prompt = told.get("prompt_tokens", told.get("input_tokens", 0))
    return Usage(prompt, told.get("completion_tokens", told.get("output_tokens", 0)))


def _said(response: Mapping[str, Any]) -> tuple[Any, list[str]]:
    """The text, or the JSON value that is said, and the calls."""
    blocks = response.get("blocks")
    if not blocks:
        return response.get("content") or "", [_call(one) for one in response.get("toolCalls", ())]
    text = "".join(block["text"] for block in blocks if block["type"] == "text")
    return text, [_call(block) for block in blocks if block["type"] == "toolCall"]


def _call(told: Mapping[str, Any]) -> str:
    arguments = told["arguments"]
    try:
        value = loads(arguments) if isinstance(arguments, str) else arguments
    except ValueError:
        value = arguments
    return repr((told["name"], value if isinstance(value, dict) else arguments))


def _fault(response: Mapping[str, Any]) -> str:
    error = response["error"]
    told = [
        repr(response.get("status", 500)),
        f"retry_after={response['retryAfter']!r}" if response.get("retryAfter") else "",
        f"code={error['code']!r}" if error.get("code") else "",
        f"message={error['message']!r}" if error.get("message") else "",
    ]
    return f"faults.Status({', '.join(filter(None, told))})"
