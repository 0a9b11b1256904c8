"""What holds for every client: nothing leaves this machine, and a missing library is told."""

from collections.abc import Iterator
from importlib.util import find_spec

import pytest

from tests.wire.libraries import LIBRARIES
from tests.wire.loopback import only_loopback

collect_ignore = [file for file, library in LIBRARIES.items() if find_spec(library) is None]
"""Without its library a file can't be imported; `test_libraries.py` fails in its place."""

QUIET = {
    "DO_NOT_TRACK": "1",
    "LANGCHAIN_TRACING_V2": "false",
    "LANGSMITH_TRACING": "false",
    "OPENAI_AGENTS_DISABLE_TRACING": "1",
    "OTEL_SDK_DISABLED": "true",
}


@pytest.fixture(autouse=True)
def _nothing_leaves_this_machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Telemetry is off, and a client that connects to anything but loopback fails its test."""
    for name, value in QUIET.items():
        monkeypatch.setenv(name, value)
    with only_loopback() as refused:
        yield
    assert refused == []
