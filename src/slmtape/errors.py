"""Everything slmtape raises on purpose.

Each class knows how it is told over HTTP (`status`, `type`, `code`, `param`), so that one place
can translate them all. A mistake is never told as 5xx: client libraries would ask three times.
"""

from collections import Counter
from collections.abc import Sequence


class SlmtapeError(Exception):
    """The base of every error that slmtape raises."""

    status: int = 400
    type: str = "invalid_request_error"
    code: str | None = None
    param: str | None = None
    counted: tuple[str, str] = ("request", "could not be answered")
    """What `check` counts it as."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ConfigurationError(SlmtapeError, ValueError):
    """A server was asked for with arguments that don't fit together."""


class CassetteError(SlmtapeError):
    """A recording can't be used or kept; the message names the file and what to do."""

    code = "cassette_error"


class ModelError(SlmtapeError):
    """No model by that name, or its file can't be loaded."""

    code = "model_not_available"


class EngineError(SlmtapeError):
    """The engine could not answer."""

    code = "engine_error"


class EngineNotInstalled(EngineError):
    """Generating needs an extra that is not installed; the message names the command."""

    code = "engine_not_installed"


class ServerStopped(EngineError):
    """The server was stopped while the answer was being generated."""

    code = "server_stopped"


class ClientGone(SlmtapeError):
    """The client closed its connection before the answer was complete."""

    def __init__(self) -> None:
        super().__init__("The client went away before the answer was complete.")


class RequestError(SlmtapeError):
    """A client asked for something that can't be done; told as OpenAI tells it."""

    def __init__(
        self, message: str, *, param: str | None = None, code: str | None = None, status: int = 400
    ) -> None:
        super().__init__(message)
        self.param = param
        self.code = code
        self.status = status


class ContextLengthExceeded(RequestError):
    """The prompt has more tokens than the model's context holds.

    `limit` and `tokens` are counts of the model's own tokens.
    """

    def __init__(self, *, limit: int, tokens: int) -> None:
        super().__init__(
            f"This model's maximum context length is {limit} tokens. However, your messages "
            f"resulted in {tokens} tokens. Please reduce the length of the messages.",
            param="messages",
            code="context_length_exceeded",
        )
        self.limit = limit
        self.tokens = tokens


class RecordingNotFound(SlmtapeError):
    """Nothing recorded answers this request, and the mode is `replay`."""

    code = "recording_not_found"

    def __init__(self, message: str, *, key: str, nearest: str | None) -> None:
        super().__init__(message)
        self.key = key
        self.nearest = nearest


class RecordingChanged(SlmtapeError):
    """The model no longer gives the answer that is recorded, and the mode is `verify`.

    Its client got the recorded one. `recording` is where it is; `differences` are lines:
    `field: recorded → generated`.
    """

    code = "recording_changed"
    counted = ("recording", "could not be confirmed")

    def __init__(self, message: str, *, recording: str, differences: Sequence[str]) -> None:
        super().__init__(message)
        self.recording = recording
        self.differences = tuple(differences)


class StubError(SlmtapeError, ValueError):
    """A stub's answer can't be one: to any request, or to the one that came."""

    code = "stub_error"


class FaultError(SlmtapeError, ValueError):
    """A fault can't happen: to anything, or to the answer that it was meant for."""

    code = "fault_error"


class NotUsed(SlmtapeError):
    """A stub or a fault that came to nothing: the test does not test what it says."""

    def __init__(self, what: str, message: str) -> None:
        super().__init__(message)
        self.counted = (what, "came to nothing")


class CheckError(SlmtapeError, AssertionError):
    """What went wrong inside the server since the last `check()`, raised in the test's thread."""

    def __init__(self, failures: Sequence[SlmtapeError]) -> None:
        counts = Counter(error.counted for error in failures)
        told = ", ".join(
            f"{f'one {what}' if count == 1 else f'{count} {what}s'} {happened}"
            for (what, happened), count in counts.items()
        )
        super().__init__("\n\n".join([f"{told}:", *(error.message for error in failures)]))
        self.failures = tuple(failures)
