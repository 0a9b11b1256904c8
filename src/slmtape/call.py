"""One HTTP call: what a server was asked, and what came of it."""

from dataclasses import asdict, dataclass, field
from typing import Any

from slmtape.answers import Source
from slmtape.errors import SlmtapeError
from slmtape.faults import Fault
from slmtape.generation import (
    GenerationRequest,
    GenerationResult,
    Message,
    Request,
    Result,
    Tool,
    ToolCall,
)
from slmtape.keys import canonical
from slmtape.results import plain
from slmtape.verify import Verdict


@dataclass(slots=True, eq=False)
class Wire:
    """A client's connection: `closed` is in seconds since the epoch; None: it is open."""

    closed: float | None = None


@dataclass(slots=True)
class Call:
    """One HTTP call.

    `requests` is what was asked, empty where the body made no sense; `model` the model's name that
    the client asked for. `results` has one result for each choice, once they are complete; `keys`
    is what they are recorded under, `source` who gave them: "cassette", "model" or "stub".
    `verdicts` is what came of comparing them with what the model says now, in mode `verify`;
    `fault` what was made to go wrong. `started` is in seconds since the epoch, `seconds` the time
    until the call was answered, refused or given up; None: it is under way. `wire` is the
    connection that it came over, where that is known.
    """

    path: str
    started: float
    requests: tuple[Request, ...] = ()
    model: str = ""
    n: int = 1
    stream: bool = False
    keys: tuple[str, ...] = ()
    results: tuple[Result, ...] = ()
    source: Source | None = None
    verdicts: tuple[Verdict, ...] = ()
    fault: Fault | None = None
    error: SlmtapeError | None = None
    seconds: float | None = None
    wire: Wire | None = field(default=None, repr=False, compare=False)

    @property
    def replayed(self) -> bool | None:
        """True where all answers were recorded, False where a model gave any; else None."""
        return {"cassette": True, "model": False}.get(self.source or "")

    @property
    def request(self) -> Request | None:
        """What was asked; the first of it where a body asks more than one thing."""
        return self.requests[0] if self.requests else None

    @property
    def messages(self) -> tuple[Message, ...]:
        """The conversation that was sent, instructions included."""
        return self.request.messages if isinstance(self.request, GenerationRequest) else ()

    @property
    def user_text(self) -> str:
        """What the user said last."""
        return self.request.user_text if self.request else ""

    @property
    def tools(self) -> tuple[Tool, ...]:
        """The tools that were on offer."""
        return self.request.tools if isinstance(self.request, GenerationRequest) else ()

    @property
    def tool_results(self) -> tuple[tuple[str, str], ...]:
        """What functions returned, in order: each one's name, and its result as text."""
        return self.request.tool_results if isinstance(self.request, GenerationRequest) else ()

    @property
    def text(self) -> str | None:
        """The first choice's text, once it is complete."""
        first = self._first
        return first.text if first else None

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tools that the first choice calls."""
        first = self._first
        return first.tool_calls if first else ()

    @property
    def refusal(self) -> str | None:
        """Why the first choice answers nothing."""
        first = self._first
        return (first.refusal or None) if first else None

    def as_dict(self) -> dict[str, Any]:
        """All but times, as JSON values: the same in every run."""
        fault = self.fault and {"kind": self.fault.kind, **asdict(self.fault)}
        error = self.error and {
            "type": self.error.type,
            "code": self.error.code,
            "message": self.error.message,
        }
        return {
            "path": self.path,
            "model": self.model,
            "requests": [canonical(request) for request in self.requests],
            "n": self.n,
            "stream": self.stream,
            "answered_by": self.source,
            "results": [plain(result) for result in self.results],
            "fault": fault,
            "error": error,
        }

    @property
    def _first(self) -> GenerationResult | None:
        first = self.results[0] if self.results else None
        return first if isinstance(first, GenerationResult) else None
