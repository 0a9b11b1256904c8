"""The course of an answer: thoughts first, then text, JSON, or calls of functions."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from slmtape.engines.llamacpp.context import Context
from slmtape.engines.llamacpp.relevance import fitting
from slmtape.engines.llamacpp.speech import Said, Speech
from slmtape.engines.llamacpp.text import Pieces, StopSequences
from slmtape.engines.llamacpp.thinking import CLOSES, OPENS, thinking
from slmtape.engines.llamacpp.tools import Beginning, Syntax, asking_for_arguments
from slmtape.engines.llamacpp.weights import Weights
from slmtape.errors import ContextLengthExceeded
from slmtape.generation import GenerationRequest, GenerationResult, Piece, Tool

_MOST_CALLS = 8
_OPENING = 16
"""Tokens at the end of a prompt in which `<think>` or `</think>` may stand."""

_OBJECT = '{"type":"object"}'


class Answer:
    """One answer of a model. `give` returns it complete; its pieces are said as they come."""

    def __init__(
        self,
        request: GenerationRequest,
        weights: Weights,
        context: Context,
        speech: Speech,
        say: Callable[[Piece], None],
    ) -> None:
        self._request = request
        self._weights = weights
        self._context = context
        self._speech = speech
        self._say = say
        self._pieces: list[Piece] = []
        self._prompt_tokens = 0
        self._reasoning_tokens = 0

    def give(self, prompt: list[int]) -> GenerationResult:
        """The answer after this prompt."""
        syntax = self._weights.template.calls if self._request.tools else None
        tools = self._fitting(syntax)
        if tools and not syntax:
            self._call_each(tools)
        else:
            self._read(prompt)
            self._think(prompt)
            self._answer(syntax, bool(tools))
        return GenerationResult(
            pieces=tuple(self._pieces),
            finish_reason="stop" if self._speech.finished else "length",
            prompt_tokens=self._prompt_tokens,
            completion_tokens=self._speech.count,
            reasoning_tokens=self._reasoning_tokens,
        )

    def _fitting(self, syntax: Syntax | None) -> list[Tool]:
        """The functions to call, where the model has no way to say so itself."""
        request = self._request
        required = request.tool_choice == "required"
        if syntax and (required or not request.response_format):
            return list(request.callable_tools) if required else []
        if not request.tools:
            return []
        return fitting(
            request.callable_tools,
            request.messages,
            self._weights,
            self._context,
            required=required,
            several=request.parallel_tool_calls,
            say=self._say,
        )

    def _read(self, prompt: list[int]) -> None:
        self._prompt_tokens = self._prompt_tokens or len(prompt)
        self._speech.read(prompt)

    def _emit(self, piece: Piece) -> None:
        if piece.text:
            self._pieces.append(piece)
            self._say(piece)

    def _think(self, prompt: list[int]) -> None:
        """Think, where the prompt has opened the thoughts, or the request asks for some."""
        if not self._request.messages:  # a raw prompt is gone on with as it is
            return
        end = b"".join(self._weights.text(token) for token in prompt[-_OPENING:]).rstrip()
        if not end.endswith(OPENS.encode()):
            closed = end.endswith(CLOSES.encode())  # as the conversation itself may ask
            if closed or not (self._weights.template.thinks and thinking(self._request)):
                return
            self._speech.force(f"{OPENS}\n")
        thoughts = StopSequences([CLOSES])
        for said in self._speech.free():
            self._emit(Piece(thoughts.add(said.text), "reasoning"))
            if thoughts.met:
                break
        self._emit(Piece(thoughts.end(), "reasoning"))
        self._reasoning_tokens = self._speech.count

    def _answer(self, syntax: Syntax | None, call: bool) -> None:
        if self._speech.finished:  # within the thoughts
            if not (call or self._request.response_format):
                return
            self._speech.force(f"{CLOSES}\n")
        if syntax and call:
            self._speech.force(syntax.opens)
            self._call(syntax)
        elif self._request.response_format:
            grammar = self._weights.grammars.json(self._request.response_format.schema or _OBJECT)
            self._tell(self._speech.held(grammar))
        elif syntax:
            self._tell_or_call(syntax)
        else:
            self._tell(self._freely())

    def _freely(self) -> Iterator[Said]:
        """Whatever the model says, in an answer to messages without thoughts."""
        return self._speech.free(marked=not self._request.messages)

    def _tell_or_call(self, syntax: Syntax) -> None:
        """Let the model decide."""
        speech = self._freely()
        beginning, held = Beginning(), list[Said]()
        for said in speech:
            held.append(said)
            if not beginning.add(said.text):
                break
            if beginning.rest is not None:
                self._call(syntax, beginning.rest)
                return
        triggers = () if syntax.trigger is None else (syntax.trigger,)
        if self._tell(chain(held, speech), *triggers) in triggers:
            self._speech.force(syntax.opens.removeprefix(syntax.trigger or ""))
            self._call(syntax)

    def _tell(self, speech: Iterable[Said], *triggers: str) -> str | None:
        """Say text to its end, or to a stop sequence or trigger, which is returned."""
        pieces = Pieces(
            [*self._request.stop, *triggers], strip=bool(triggers or self._reasoning_tokens)
        )
        for said in speech:
            self._emit(pieces.add(said.text, said.token))
            if pieces.met:
                self._speech.finished = True
                return pieces.met
        self._emit(pieces.end())
        return None

    def _call_each(self, tools: Iterable[Tool]) -> None:
        """Call functions for a model that knows no calls: its arguments are asked for in words."""
        for tool in tools:
            if self._speech.full:
                self._speech.finished = False
                return
            template = self._weights.template
            messages = asking_for_arguments(self._request.messages, tool)
            prompt = self._weights.tokens(template.render(messages))
            limit = self._weights.context_length
            if len(prompt) >= limit:
                raise ContextLengthExceeded(limit=limit, tokens=len(prompt))
            self._read(prompt)
            self._emit(Piece(tool.name, "call"))
            for piece in self._arguments(tool):
                self._emit(piece)
            if not self._speech.finished:
                return

    def _call(self, syntax: Syntax, begun: str = "") -> None:
        """Go on after a call was opened and its name begun, to the end of the last call."""
        made: list[list[Piece]] = []
        while call := self._one_call(syntax, made, begun):
            made.append(call)
            begun = ""
            if not self._speech.finished or not self._another(syntax, len(made)):
                return

    def _one_call(self, syntax: Syntax, made: list[list[Piece]], begun: str) -> list[Piece]:
        """Say a call; nothing where it was cut off before its name, or has been made before."""
        tools = {f'{tool.name}"': tool for tool in self._request.callable_tools}
        begun = begun if any(name.startswith(begun) for name in tools) else ""
        rests = [name.removeprefix(begun) for name in tools if name.startswith(begun)]
        names = self._weights.grammars.one_of(rests)
        tool = tools.get(begun + "".join(said.text for said in self._speech.held(names)))
        if tool is None:
            self._speech.finished = False
            return []
        self._speech.force(syntax.middle.removeprefix('"'))
        call = [Piece(tool.name, "call")]
        if not made:
            self._emit(call[0])
        for piece in self._arguments(tool):
            call.append(piece)
            if not made:
                self._emit(piece)
        if made and _written(call) in map(_written, made):
            self._speech.finished = True
            return []
        for piece in call if made else ():
            self._emit(piece)
        return call

    def _another(self, syntax: Syntax, made: int) -> bool:
        """Close a call; whether the model goes on to another, which is opened then."""
        self._speech.force(syntax.closes)
        several = self._request.parallel_tool_calls and made < _MOST_CALLS
        if not several or syntax.between is None:
            return False
        if not self._speech.goes_on_with(syntax.between + (syntax.trigger or "")):
            return False
        self._speech.force(syntax.opens.removeprefix(syntax.trigger or ""))
        return True

    def _arguments(self, tool: Tool) -> Iterator[Piece]:
        grammar = self._weights.grammars.json(tool.parameters)
        for said in self._speech.held(grammar):
            if said.text:
                yield Piece(said.text, "arguments")


def _written(call: list[Piece]) -> str:
    return "\0".join([call[0].text, "".join(piece.text for piece in call[1:])])
