"""Answers of `/responses`: what is said is in the response; events only say how it was cut."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from slmtape.generation import GenerationRequest, GenerationResult
from slmtape.importing.answers import Answer, Unreadable
from slmtape.importing.answers.said import Call, Said, Usage, counted, token
from slmtape.protocols import ParsedCall

Parts = Mapping[tuple[str, int, int], Sequence[str]]
"""The deltas of a stream: by what they are of, the item's index and the part's in it."""

_DELTAS = {
    "response.output_text.delta": "text",
    "response.refusal.delta": "refusal",
    "response.reasoning_text.delta": "reasoning",
    "response.reasoning_summary_text.delta": "summary",
    "response.function_call_arguments.delta": "arguments",
}
_ENDS = {
    ("completed", None): "stop",
    ("incomplete", "max_output_tokens"): "length",
    ("incomplete", "content_filter"): "content_filter",
}


def read(call: ParsedCall, told: Sequence[Mapping[str, Any]]) -> Answer:
    """The response. Raises Unreadable."""
    response = _response(told)
    said = Said(finish_reason=_finish_reason(response))
    parts = _parts(told)
    for index, item in enumerate(response["output"]):
        _ITEMS.get(item["type"], _unknown)(said, item, index, parts)
    usage = response.get("usage")
    [request] = call.requests
    assert isinstance(request, GenerationRequest)
    prompts = [message.content for message in request.messages]
    result = said.result(_usage(usage) if usage else counted(prompts, [said]))
    return Answer(
        results=[result],
        model=str(response.get("model") or ""),
        lost=list(dict.fromkeys(said.lost)),
        output=response["output"],
        id=str(response.get("id") or ""),
    )


def read_count(_: ParsedCall, told: Sequence[Mapping[str, Any]]) -> Answer:
    """The length of a prompt, of which nothing is said."""
    count = told[0]["input_tokens"]
    result = GenerationResult(
        pieces=(), finish_reason="length", prompt_tokens=count, completion_tokens=0
    )
    return Answer(results=[result])


def _response(told: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The response object, from the last event that has it."""
    for one in reversed(told):
        found = one if "output" in one else one.get("response")
        if isinstance(found, dict):
            return found
    raise Unreadable("It has no response.")


def _finish_reason(response: Mapping[str, Any]) -> str:
    if response.get("error"):
        raise Unreadable(f"It failed: {response['error'].get('message')}")
    status = response.get("status", "completed")
    reason = (response.get("incomplete_details") or {}).get("reason")
    if (status, reason) not in _ENDS:
        raise Unreadable(f"It is not complete: its status is {status!r}.")
    return _ENDS[status, reason]


def _parts(told: Sequence[Mapping[str, Any]]) -> Parts:
    parts: defaultdict[tuple[str, int, int], list[str]] = defaultdict(list)
    for one in told:
        if kind := _DELTAS.get(str(one.get("type"))):
            place = one.get("content_index", one.get("summary_index", 0))
            parts[kind, one.get("output_index", 0), place].append(one["delta"])
    return parts


def _cut(text: str, deltas: Sequence[str]) -> Sequence[str]:
    """The text in its deltas, or whole where they are not all of it."""
    return deltas if "".join(deltas) == text else [text]


def _message(said: Said, item: Mapping[str, Any], index: int, parts: Parts) -> None:
    for place, part in enumerate(item["content"]):
        if part["type"] == "refusal":
            said.refusal += _cut(part["refusal"], parts.get(("refusal", index, place), ()))
        elif part["type"] == "output_text":
            said.text += _cut(part["text"], parts.get(("text", index, place), ()))
            said.tokens += [token(one) for one in part.get("logprobs") or ()]
            if part.get("annotations"):
                said.lost.append("annotations")
        else:
            raise Unreadable(f"It has a part of the type {part['type']!r}, not served here.")


def _reasoning(said: Said, item: Mapping[str, Any], index: int, parts: Parts) -> None:
    """What was thought, or else its summary."""
    kind, thoughts = "reasoning", item.get("content") or ()
    if not thoughts and item.get("summary"):
        kind, thoughts = "summary", item["summary"]
        said.lost.append("summary of reasoning as such: it is told as reasoning")
    for place, part in enumerate(thoughts):
        said.reasoning += ["\n\n"] * (kind == "summary" and place > 0)
        said.reasoning += _cut(part["text"], parts.get((kind, index, place), ()))
    if item.get("encrypted_content"):
        said.lost.append("encrypted reasoning")


def _call(said: Said, item: Mapping[str, Any], index: int, parts: Parts) -> None:
    arguments = _cut(item["arguments"], parts.get(("arguments", index, 0), ()))
    said.calls[index] = Call(str(item["name"]), list(arguments))


def _unknown(said: Said, item: Mapping[str, Any], index: int, parts: Parts) -> None:  # noqa: ARG001
    raise Unreadable(f"It has an item of the type {item['type']!r}, which is not served here.")


_ITEMS: Mapping[str, Callable[[Said, Mapping[str, Any], int, Parts], None]] = {
    "message": _message,
    "reasoning": _reasoning,
    "function_call": _call,
}


def _usage(usage: Mapping[str, Any]) -> Usage:
    details = usage.get("output_tokens_details") or {}
    return Usage(
        usage["input_tokens"], usage["output_tokens"], details.get("reasoning_tokens") or 0
    )
