"""A fake LLM server for tests: real answers from a small model, recorded once, then replayed.

```python
from openai import OpenAI
from slmtape import FakeLLMServer

with FakeLLMServer(cache="cassettes") as server:
    client = OpenAI(**server.openai_client_args())
```
"""

from typing import TYPE_CHECKING

from slmtape.errors import (
    CassetteError,
    CheckError,
    ConfigurationError,
    EngineError,
    EngineNotInstalled,
    ModelError,
    RecordingChanged,
    RecordingNotFound,
    RequestError,
    SlmtapeError,
)
from slmtape.generation import Mode

if TYPE_CHECKING:
    from slmtape.server import FakeLLMServer

__version__ = "0.1.0"

__all__ = [
    "CassetteError",
    "CheckError",
    "ConfigurationError",
    "EngineError",
    "EngineNotInstalled",
    "FakeLLMServer",
    "Mode",
    "ModelError",
    "RecordingChanged",
    "RecordingNotFound",
    "RequestError",
    "SlmtapeError",
    "__version__",
]


def __getattr__(name: str) -> object:
    # The server pulls in FastAPI and uvicorn; who only needs an error class does not pay for them.
    if name == "FakeLLMServer":
        from slmtape.server import FakeLLMServer

        return FakeLLMServer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
