"""A fake LLM server for tests: real answers from a small model, recorded once, then replayed.

```python
from openai import OpenAI
from slmtape import FakeLLMServer

with FakeLLMServer(cache="cassettes") as server:
    client = OpenAI(**server.openai_client_args())
```
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from slmtape.errors import (
        CassetteError,
        CheckError,
        ConfigurationError,
        EngineError,
        EngineNotInstalled,
        FaultError,
        ModelError,
        NotUsed,
        RecordingChanged,
        RecordingNotFound,
        RequestError,
        SlmtapeError,
        StubError,
    )
    from slmtape.modes import Mode
    from slmtape.replies import Reply, Usage
    from slmtape.server import FakeLLMServer

__version__ = "0.1.0"

__all__ = [
    "CassetteError",
    "CheckError",
    "ConfigurationError",
    "EngineError",
    "EngineNotInstalled",
    "FakeLLMServer",
    "FaultError",
    "Mode",
    "ModelError",
    "NotUsed",
    "RecordingChanged",
    "RecordingNotFound",
    "Reply",
    "RequestError",
    "SlmtapeError",
    "StubError",
    "Usage",
    "__version__",
]


_ELSEWHERE = {
    "FakeLLMServer": "slmtape.server",
    "Mode": "slmtape.modes",
    "Reply": "slmtape.replies",
    "Usage": "slmtape.replies",
}
"""Where names come from that are not errors. Each is imported when it is used: the server pulls in
FastAPI and uvicorn, and pytest imports this package also for tests that don't use it."""


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_ELSEWHERE.get(name, "slmtape.errors")), name)
