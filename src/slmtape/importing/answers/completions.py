"""Answers of `/completions`."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from slmtape.generation import Token
from slmtape.importing.answers import Answer
from slmtape.importing.answers.choices import answer, said
from slmtape.importing.answers.said import Said
from slmtape.protocols import ParsedCall
from slmtape.protocols.openai.completions import CompletionCall


def read(call: ParsedCall, told: Sequence[Mapping[str, Any]]) -> Answer:
    """The choices of each prompt. Raises Unreadable."""
    assert isinstance(call, CompletionCall)
    [most, *_] = [request.top_logprobs or 0 for request in call.requests]
    choices = said(told, partial(_add, most))
    if call.form.echo:
        for one, prompt in zip(choices, call.form.before, strict=False):
            one.text = ["".join(one.text).removeprefix(prompt)]
    return answer(call, told, choices, call.form.prompts)


def _add(most: int, said: Said, choice: Mapping[str, Any]) -> None:
    if choice.get("text"):
        said.text.append(choice["text"])
    if choice.get("logprobs"):
        said.tokens += _tokens(choice["logprobs"], most)


def _tokens(told: Mapping[str, Any], most: int) -> Iterator[Token]:
    """Tokens in the legacy format: a list for each thing that is told of them.

    What was said is told beside the `most` likeliest, also where it is none of them.
    """
    tokens, logprobs = told["tokens"], told["token_logprobs"]
    tops = told.get("top_logprobs") or [{}] * len(tokens)
    for text, logprob, top in zip(tokens, logprobs, tops, strict=True):
        others = sorted((top or {}).items(), key=lambda one: -one[1])
        if len(others) > most:
            others = [one for one in others if one[0] != text]
        likely = tuple((_bytes(other), float(number)) for other, number in others[:most])
        yield Token(_bytes(text), float(logprob), likely)


def _bytes(text: str) -> bytes:
    """Part of a character is written like `bytes:\\xe2\\x82`."""
    if not text.startswith("bytes:"):
        return text.encode()
    return bytes.fromhex(text.removeprefix("bytes:").replace("\\x", ""))
