"""Answers that have choices, whole or streamed: what chat completions and completions share."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from slmtape.importing.answers import Answer, Unreadable
from slmtape.importing.answers.said import Said, Usage, counted, shared
from slmtape.protocols import ParsedCall

Add = Callable[[Said, Mapping[str, Any]], None]
"""Takes in a choice of an answer or of one of its events."""


def said(told: Iterable[Mapping[str, Any]], add: Add) -> list[Said]:
    """Each choice, in the order of their indices."""
    found: dict[int, Said] = {}
    for one in told:
        for choice in one.get("choices") or ():
            index = int(choice.get("index") or 0)
            add(found.setdefault(index, Said()), choice)
            said = found[index]
            said.finish_reason = choice.get("finish_reason") or said.finish_reason
    return [found[index] for index in sorted(found)]


def answer(
    call: ParsedCall,
    told: Sequence[Mapping[str, Any]],
    choices: Sequence[Said],
    prompts: Iterable[str],
) -> Answer:
    """The choices as results. `prompts` are the texts that were asked. Raises Unreadable."""
    wanted = call.n * len(call.requests)
    if len(choices) != wanted:
        raise Unreadable(f"It has {len(choices)} choices, and {wanted} were asked for.")
    usage = next((one["usage"] for one in reversed(told) if one.get("usage")), None)
    counts = shared(_usage(usage) if usage else counted(prompts, choices), wanted, call.n)
    return Answer(
        results=[one.result(each) for one, each in zip(choices, counts, strict=True)],
        model=next((str(one["model"]) for one in told if one.get("model")), ""),
        lost=[
            *dict.fromkeys(what for one in choices for what in one.lost),
            *([] if usage else ["usage, which was not told: words are counted"]),
        ],
    )


def _usage(usage: Mapping[str, Any]) -> Usage:
    details = usage.get("completion_tokens_details") or {}
    return Usage(
        usage["prompt_tokens"],
        usage.get("completion_tokens") or 0,
        details.get("reasoning_tokens") or 0,
    )
