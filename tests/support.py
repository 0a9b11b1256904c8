"""What tests share: an engine without a model, requests, and bare HTTP."""

import hashlib
import http.client
import json
import math
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from slmtape.errors import ContextLengthExceeded
from slmtape.generation import (
    EmbeddingRequest,
    EmbeddingResult,
    FinishReason,
    GenerationRequest,
    GenerationResult,
    Message,
    ModelFile,
    Piece,
    Recording,
    Request,
    Token,
)
from slmtape.keys import key

if TYPE_CHECKING:  # processes of tests that record, and serve nothing, begin sooner without
    from slmtape import FakeLLMServer

ROOT = Path(__file__).parents[1]
CASSETTES = ROOT / "cassettes"
ALIASES = {"gpt-4o-mini": "smollm2-135m"}
MODEL = ModelFile("echo", "echo.gguf", "0" * 64)


class EchoEngine:
    """Says the last message's words again, and the seed where there is one.

    First words in angle brackets are thought: "<hm> yes". Where tools may be called, lines like
    `call f {"a":1}` at the end of the message are calls; where one must be, it is called with `{}`
    otherwise. After `hold` it waits before each word until it is allowed. `runs` counts how often
    it was asked. A message that begins with "fail" raises. `limit` is how many characters a message
    may have, `made` is what it says that its answers depend on.
    """

    def __init__(
        self,
        files: object = None,
        name: str = "echo",
        max_loaded_models: int | None = None,
    ) -> None:
        self.model = ModelFile(name, "echo.gguf", "0" * 64)
        self.started = threading.Event()
        self.closed = threading.Event()
        self.runs = 0
        self.limit = 10_000_000
        self.made = {"engine": "echo"}
        self._words = threading.Semaphore(1_000_000)

    def hold(self) -> None:
        """Say no more words until they are allowed."""
        self._words = threading.Semaphore(0)

    def allow(self, words: int = 1_000_000) -> None:
        """Let it say this many more words."""
        self._words.release(words)

    def load(self) -> None: ...

    def close(self, *, unload: bool) -> None: ...

    def made_with(self, request: Request) -> Mapping[str, str]:
        return self.made

    def generate(
        self, request: GenerationRequest, say: Callable[[Piece], None]
    ) -> GenerationResult:
        self.runs += 1
        self.started.set()
        content = request.messages[-1].content if request.messages else str(request.prompt)
        if len(content) > self.limit:
            raise ContextLengthExceeded(limit=self.limit, tokens=len(content))
        pieces: list[Piece] = []
        finish_reason: FinishReason = "stop"
        try:
            for piece in _echo(request, content):
                if len(pieces) == request.max_tokens:
                    finish_reason = "length"
                    break
                while not self._words.acquire(timeout=0.005):
                    say(Piece())
                if content.startswith("fail"):
                    raise RuntimeError("told to fail")
                pieces.append(piece)
                say(piece)
        finally:
            self.closed.set()
        return GenerationResult(
            pieces=tuple(pieces),
            finish_reason=finish_reason,
            prompt_tokens=len(request.messages) or 1,
            completion_tokens=len(pieces),
            reasoning_tokens=sum(piece.kind == "reasoning" for piece in pieces),
        )

    def embed(self, request: EmbeddingRequest, say: Callable[[Piece], None]) -> EmbeddingResult:
        self.runs += 1
        digest = hashlib.sha256(str(request.input).encode()).digest()[:8]
        length = math.sqrt(sum(byte**2 for byte in digest))
        # As 32-bit floats, which is what is kept of them.
        vector = struct.unpack("<8f", struct.pack("<8f", *(byte / length for byte in digest)))
        return EmbeddingResult(vector=vector, prompt_tokens=len(str(request.input).split()))


def _echo(request: GenerationRequest, content: str) -> Iterator[Piece]:
    tools = request.callable_tools
    lines = content.split("\n")
    beginnings = tuple(f"call {tool.name} " for tool in tools)
    calls = [line for line in lines if line.startswith(beginnings)]
    words = " ".join(line for line in lines if line not in calls).split()
    if request.seed is not None:
        words.append(str(request.seed))
    if request.tool_choice == "required":
        words, calls = [], calls or [f"call {tools[0].name} {{}}"]
    started = False
    for word in words:
        if word.startswith("<") and not started:
            yield Piece(word.strip("<>"), "reasoning")
            continue
        text = f" {word}" if started else word
        started = True
        top = tuple((f"{i}".encode(), -float(i)) for i in range(request.top_logprobs or 0))
        tokens = () if request.top_logprobs is None else (Token(text.encode(), -0.5, top),)
        yield Piece(text, tokens=tokens)
    for call in calls[: None if request.parallel_tool_calls else 1]:
        _, name, arguments = call.split(" ", 2)
        yield Piece(name, "call")
        half = (len(arguments) + 1) // 2
        yield Piece(arguments[:half], "arguments")
        yield Piece(arguments[half:], "arguments")


make_echo: Any = EchoEngine
"""What the engine named "echo" is made by; the fixture `echo` puts its own there."""


def request_for(text: str = "hello there", **options: Any) -> GenerationRequest:
    """A request with one message."""
    return GenerationRequest(model="echo", messages=(Message("user", text),), **options)


def recording_for(request: GenerationRequest, *texts: str) -> Recording:
    """A recording of these pieces."""
    result = GenerationResult(
        pieces=tuple(Piece(text) for text in texts or ("hel", "lo")),
        finish_reason="stop",
        prompt_tokens=3,
        completion_tokens=2,
    )
    return Recording(
        key=key(request), model=MODEL, request=request, result=result, made_with={"engine": "echo"}
    )


@dataclass(frozen=True)
class Reply:
    """What came back over HTTP."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> Any:
        """The error object; asserts that it is OpenAI's envelope."""
        error = self.json["error"]
        assert set(error) == {"message", "type", "param", "code"}
        assert self.headers["x-should-retry"] == "false"
        return error

    @property
    def events(self) -> list[Any]:
        """The data of server-sent events; asserts that they end with [DONE]."""
        lines = self.body.decode().split("\n\n")
        assert lines[-2:] == ["data: [DONE]", ""]
        return [json.loads(line.removeprefix("data: ")) for line in lines[:-2]]


def ask(
    base_url: str,
    body: Any,
    *,
    method: str = "POST",
    path: str = "/chat/completions",
    headers: Mapping[str, str] | None = None,
    timeout: float = 60,
) -> Reply:
    """One HTTP exchange with a server, without a client library's help."""
    url = urlsplit(base_url)
    assert url.hostname
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=timeout)
    try:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"content-type": "application/json"} | dict(headers or {})
        connection.request(method, url.path + path, raw, sent)
        response = connection.getresponse()
        return Reply(response.status, dict(response.getheaders()), response.read())
    finally:
        connection.close()


def chat(text: str, **fields: Any) -> dict[str, Any]:
    """A chat completion's body with one message."""
    return {"model": "echo", "messages": [{"role": "user", "content": text}], **fields}


MESSAGE = b'{"role":"user","content":"first second third"}'
"""A message's JSON."""


def connection(server: "FakeLLMServer") -> socket.socket:
    """A bare connection to a server."""
    return socket.create_connection(("127.0.0.1", server.port), timeout=30)


def post(body: bytes, *headers: str, path: str = "/v1/chat/completions") -> bytes:
    """A request as it goes over the wire."""
    lines = [f"POST {path} HTTP/1.1", "host: x", "content-type: application/json", *headers]
    return "\r\n".join([*lines, f"content-length: {len(body)}", "", ""]).encode() + body


def read_until(client: socket.socket, words: bytes) -> bytes:
    """What comes until these words have come."""
    seen = b""
    while words not in seen:
        part = client.recv(65536)
        assert part, seen
        seen += part
    return seen
