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
from slmtape.generation import Mode

if TYPE_CHECKING:
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


_LATER = {
    "FakeLLMServer": "slmtape.server",
    "Reply": "slmtape.replies",
    "Usage": "slmtape.replies",
}
"""The server pulls in FastAPI and uvicorn; who only needs an error class does not pay for them."""


def __getattr__(name: str) -> object:
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
