"""Asking a server over HTTP, with a clock beside it."""

import http.client
import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

Body = dict[str, Any]

CHAT = "/v1/chat/completions"
TEXT = "/v1/completions"


@dataclass(frozen=True)
class Told:
    """An answer.

    `tokens`: of the answer; `first`: seconds until its first piece; `seconds`: until all of it is
    there, which is the same where it is not streamed.
    """

    text: str
    prompt_tokens: int
    tokens: int
    first: float
    seconds: float


def ask(port: int, body: Body, path: str = CHAT) -> Told:
    """One exchange. Nothing is parsed before all of it is there: the model needs the cores."""
    begun = time.perf_counter()
    with _sent(port, body, path) as response:
        lines = [(line, time.perf_counter() - begun) for line in response]
    seconds = time.perf_counter() - begun
    if response.status != 200:
        raise RuntimeError(f"{response.status}: {lines}")
    return _told(lines, seconds)


@contextmanager
def answering(port: int, body: Body) -> Iterator[None]:
    """While this is being answered: from its first piece on. Then it is given up."""
    with _sent(port, {**body, "stream": True}, CHAT) as response:
        if not any(_says(choice) for line in response for choice in _choices(line)):
            raise RuntimeError("it says nothing")
        yield


@contextmanager
def _sent(port: int, body: Body, path: str) -> Iterator[http.client.HTTPResponse]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    sent = {"model": "model", **body}
    if body.get("stream"):
        sent["stream_options"] = {"include_usage": True}
    connection.request("POST", path, json.dumps(sent), {"content-type": "application/json"})
    try:
        yield connection.getresponse()
    finally:
        connection.close()


def forced(schema: Body, question: str, tokens: int) -> Body:
    """The body of a question whose answer must match this schema."""
    form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    messages = [{"role": "user", "content": question}]
    return {"messages": messages, "max_tokens": tokens, "response_format": form}


def together(port: int, bodies: Sequence[Body]) -> float:
    """Seconds until all of these, asked by a client each at once, are answered."""
    begun = time.perf_counter()
    with ThreadPoolExecutor(len(bodies)) as clients:
        list(clients.map(lambda body: ask(port, body), bodies))
    return time.perf_counter() - begun


def _told(lines: Sequence[tuple[bytes, float]], seconds: float) -> Told:
    [usage] = [event["usage"] for line, _ in lines for event in _events(line) if event.get("usage")]
    choices = [(choice, at) for line, at in lines for choice in _choices(line)]
    return Told(
        text="".join(_said(choice) for choice, _ in choices),
        prompt_tokens=usage["prompt_tokens"],
        tokens=usage["completion_tokens"],
        first=next((at for choice, at in choices if _says(choice)), seconds),
        seconds=seconds,
    )


def _choices(line: bytes) -> list[Body]:
    return [choice for event in _events(line) for choice in event["choices"]]


def _events(line: bytes) -> list[Body]:
    """What is in a line of a body: an event, the whole answer, or nothing."""
    written = line.strip().removeprefix(b"data: ")
    return [json.loads(written)] if written.startswith(b"{") else []


def _said(choice: Body) -> str:
    return choice.get("text") or _message(choice).get("content") or ""


def _says(choice: Body) -> bool:
    return bool(_said(choice) or _message(choice).get("tool_calls"))


def _message(choice: Body) -> Body:
    message: Body = choice.get("message") or choice.get("delta") or {}
    return message
