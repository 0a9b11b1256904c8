"""What is asked and what is answered: the values every room speaks."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

Role = Literal["system", "developer", "user", "assistant", "tool"]
FinishReason = Literal["stop", "length", "content_filter"]
"""Why an answer ended. No model here filters contents: only what a test wrote or imported does."""


_COLDEST = 1e-6
"""A temperature below this is 0: nothing but the likeliest token has a chance, and dividing by it
would leave the numbers that llama.cpp computes with."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that a model may call. `parameters`: JSON schema, as text; None: no arguments."""

    name: str
    description: str | None = None
    parameters: str | None = None


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A model's call of a function: `arguments` as JSON text. `id` is what its result names."""

    name: str
    arguments: str
    id: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation; `name` tells apart speakers of the same role.

    An assistant's may have called tools. One of the role `tool` is the result of the call with
    the id `tool_call_id`.
    """

    role: Role
    content: str
    name: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None


@dataclass(frozen=True, slots=True)
class JsonFormat:
    """An answer is one JSON value. `schema`: the JSON schema it matches, as text; None: an object.

    `description` says what it is.
    """

    schema: str | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRequest:
    """All that an answer depends on, and nothing else.

    Two requests that must get the same answer are equal: what can't change it is put to its
    default (a seed or `top_p` at temperature 0, the order of stop sequences, a bias of 0, the ids
    of tool calls, which are numbered `call_0`, `call_1` … in their order). A `developer` is a
    `system`, which is what any model here takes it for.

    Ranges are OpenAI's: `temperature` 0 to 2, `top_p` 0 to 1, penalties -2 to 2, biases -100 to
    100 by token id of the model that answers. `max_tokens` is a count of tokens; None: until the
    model stops or its context is full; 0: only the prompt is counted.

    The model goes on after `messages`, or, where there are none, after the raw `prompt`: text, or
    token ids of the model that answers. `tools` it may call, or must where `tool_choice` is
    "required": only those in `allowed_tools`, if any are named there, and one at most where
    `parallel_tool_calls` is False. `top_logprobs` is how many alternatives are wanted beside
    each token's log-probability; None: not even that. `truncate`: where the prompt is too long,
    messages are left out, oldest first, instructions last. `extras` are parameters that other
    servers have, by name, as JSON text.
    """

    model: str
    messages: tuple[Message, ...] = ()
    prompt: str | tuple[int, ...] | None = None
    temperature: float = 0.0
    top_p: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    logit_bias: tuple[tuple[int, float], ...] = ()
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    tools: tuple[Tool, ...] = ()
    tool_choice: Literal["auto", "required"] = "auto"
    allowed_tools: tuple[str, ...] = ()
    parallel_tool_calls: bool = True
    response_format: JsonFormat | None = None
    top_logprobs: int | None = None
    reasoning_effort: str | None = None
    truncate: bool = False
    extras: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        settle = object.__setattr__
        if self.temperature < _COLDEST:
            settle(self, "temperature", 0.0)
            settle(self, "top_p", 1.0)
            settle(self, "seed", None)
        if self.stop:
            settle(self, "stop", tuple(sorted({stop for stop in self.stop if stop})))
        if self.logit_bias:
            biases = sorted((token, float(bias)) for token, bias in self.logit_bias if bias)
            settle(self, "logit_bias", tuple(biases))
        if self.extras:
            settle(self, "extras", tuple(sorted(self.extras)))
        if not self.tools:
            settle(self, "tool_choice", "auto")
            settle(self, "allowed_tools", ())
            settle(self, "parallel_tool_calls", True)
        elif self.allowed_tools:
            names = [tool.name for tool in self.tools]
            allowed = tuple(name for name in names if name in self.allowed_tools)
            settle(self, "allowed_tools", () if len(allowed) == len(names) else allowed)
        if any(message.role == "developer" for message in self.messages):
            settle(self, "messages", tuple(_instruction(message) for message in self.messages))
        if any(message.tool_calls or message.tool_call_id for message in self.messages):
            settle(self, "messages", _numbered(self.messages))

    @property
    def samples(self) -> bool:
        """Whether chance has a say, and so a seed."""
        return self.temperature > 0

    @property
    def user_text(self) -> str:
        """What the user said last; of a raw prompt all of it, as far as it is text."""
        said = [message.content for message in self.messages if message.role == "user"]
        return said[-1] if said else self.prompt if isinstance(self.prompt, str) else ""

    @property
    def tool_results(self) -> tuple[tuple[str, str], ...]:
        """What functions returned, in order: each one's name, and its result as text."""
        names = {call.id: call.name for said in self.messages for call in said.tool_calls}
        return tuple(
            (names.get(message.tool_call_id or "", ""), message.content)
            for message in self.messages
            if message.role == "tool"
        )

    @property
    def callable_tools(self) -> tuple[Tool, ...]:
        """The tools that the answer may call."""
        allowed = self.allowed_tools
        return tuple(tool for tool in self.tools if not allowed or tool.name in allowed)


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingRequest:
    """A text, or token ids of the model that answers, to be told as a vector.

    `extras` are parameters that other servers have, by name, as JSON text.
    """

    model: str
    input: str | tuple[int, ...]
    extras: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "extras", tuple(sorted(self.extras)))

    @property
    def samples(self) -> bool:
        """Whether chance has a say."""
        return False

    @property
    def user_text(self) -> str:
        """The text; nothing where it was given as tokens."""
        return self.input if isinstance(self.input, str) else ""


Request = GenerationRequest | EmbeddingRequest


@dataclass(frozen=True, slots=True)
class Token:
    """A token that a model said, with the natural logarithm of its probability.

    `top` are the likeliest tokens in its place, likeliest first.
    """

    text: bytes
    logprob: float
    top: tuple[tuple[bytes, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Piece:
    """A unit of an answer: one token, or more where a character spans several.

    Its `kind` is "text"; "reasoning" before it; "refusal", which an answer may have instead of text
    where a test wrote or imported it; after it "call", whose text is the function's name and which
    opens a tool call, and "arguments" of the call opened last. `tokens` are those that end in a
    piece of text, where their log-probabilities were asked for.

    An engine also says pieces without text, so that it can be stopped where none is ready.
    """

    text: str = ""
    kind: Literal["text", "reasoning", "refusal", "call", "arguments"] = "text"
    tokens: tuple[Token, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationResult:
    """A complete answer. Token counts are the model's own; the end-of-text token is not counted.

    `reasoning_tokens` are counted in `completion_tokens` as well.
    """

    pieces: tuple[Piece, ...]
    finish_reason: FinishReason
    prompt_tokens: int
    completion_tokens: int
    reasoning_tokens: int = 0

    @property
    def text(self) -> str:
        """The whole answer, without reasoning and tool calls."""
        return "".join(piece.text for piece in self.pieces if piece.kind == "text")

    @property
    def reasoning(self) -> str:
        """What was thought before the answer."""
        return "".join(piece.text for piece in self.pieces if piece.kind == "reasoning")

    @property
    def refusal(self) -> str:
        """Why nothing was answered."""
        return "".join(piece.text for piece in self.pieces if piece.kind == "refusal")

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The calls, without ids. One that was cut off by `length` has incomplete arguments."""
        calls: list[ToolCall] = []
        for piece in self.pieces:
            if piece.kind == "call":
                calls.append(ToolCall(piece.text, ""))
            elif piece.kind == "arguments":
                calls[-1] = replace(calls[-1], arguments=calls[-1].arguments + piece.text)
        return tuple(calls)


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingResult:
    """A text as a vector of length 1, in 32-bit floats."""

    vector: tuple[float, ...]
    prompt_tokens: int


Result = GenerationResult | EmbeddingResult


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model's file as recordings name it: file name without its folder, sha256 in hex."""

    name: str
    file: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One answered request as a store keeps it.

    `made_with` says what the answer's bytes depend on besides the request: versions and settings.
    `edited`: whether it shows that its result was changed by hand.
    """

    key: str
    model: ModelFile
    request: Request
    result: Result
    made_with: Mapping[str, str] = field(default_factory=dict)
    edited: bool = False


class Engine(Protocol):
    """What turns a request into an answer."""

    @property
    def model(self) -> ModelFile:
        """The model that answers."""

    def load(self) -> None:
        """Have the model in memory now, not at the first request. Raises EngineError."""

    def close(self, *, unload: bool) -> None:
        """No more will be asked. `unload`: free the model, when no other engine has it either."""

    def made_with(self, request: Request) -> Mapping[str, str]:
        """What an answer that was given to this request depends on besides it and the model."""

    def generate(
        self, request: GenerationRequest, say: Callable[[Piece], None]
    ) -> GenerationResult:
        """Say the answer's pieces as the model says them; return it complete.

        `say` is called in any thread. What it raises stops the work, and is raised here. Equal
        requests get equal answers.
        """

    def embed(self, request: EmbeddingRequest, say: Callable[[Piece], None]) -> EmbeddingResult:
        """The text as a vector. `say` is called with pieces without text: what it raises stops."""


class Store(Protocol):
    """Where recordings are kept. All methods may be called from any thread."""

    def get(self, key: str) -> Result | None:
        """The result recorded under this key, or None."""

    def recording(self, key: str) -> tuple[str, Recording] | None:
        """All that is recorded under this key, with where it is (as its reader would say it)."""

    def put(self, recording: Recording) -> None:
        """Keep this recording, in place of any other with its key."""

    def requests(self) -> Mapping[str, Request]:
        """What is recorded: where each recording is (as its reader would say it) to its request."""

    def close(self) -> None:
        """Let go of files and connections."""


def _instruction(message: Message) -> Message:
    return replace(message, role="system") if message.role == "developer" else message


def _numbered(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """The messages with ids of tool calls that say nothing but their order."""
    ids: dict[str, str] = {}
    numbered, count = [], 0
    for message in messages:
        calls = []
        for call in message.tool_calls:
            ids[call.id] = f"call_{count}"
            count += 1
            calls.append(replace(call, id=ids[call.id], arguments=_compact(call.arguments)))
        asked = message.tool_call_id
        answered = None if asked is None else ids.get(asked, asked)
        numbered.append(replace(message, tool_calls=tuple(calls), tool_call_id=answered))
    return tuple(numbered)


def _compact(arguments: str) -> str:
    """JSON without the spaces that a client may have put in; anything else as it is."""
    try:
        compact = json.dumps(json.loads(arguments), ensure_ascii=False, separators=(",", ":"))
        compact.encode()  # half a character can't be kept
    except (ValueError, RecursionError):
        return arguments
    return compact
