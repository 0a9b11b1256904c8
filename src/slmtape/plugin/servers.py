"""Servers as the plugin makes them."""

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from slmtape.errors import SlmtapeError
from slmtape.server import FakeLLMServer


class PluginServer(FakeLLMServer):
    """One that says how pytest records what it misses."""

    def _remedy(self) -> str:
        test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0]
        command = f"pytest --slmtape-mode=auto {shlex.quote(test)}".rstrip(" '")
        return f"To record it: {command}\nThen commit the new file."


@contextmanager
def running(arguments: dict[str, Any]) -> Iterator[FakeLLMServer]:
    """A server that holds what it records. What it can't be made of fails the test in words."""
    try:
        server = PluginServer(**{"hold": True} | arguments)
    except SlmtapeError as error:
        pytest.fail(f"slmtape: {error.message}", pytrace=False)
    with server:
        yield server
