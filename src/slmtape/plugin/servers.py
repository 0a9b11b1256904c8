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

    def _recording(self) -> str:
        test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0]
        command = shlex.join(["pytest", "--slmtape-mode=auto", *filter(None, [test])])
        return f"To record it: {command}\nThen commit the new file."


@contextmanager
def running(arguments: dict[str, Any]) -> Iterator[FakeLLMServer]:
    """A server that holds what it records. What it can't be made of fails the test in words."""
    made = _made(arguments)
    if isinstance(made, SlmtapeError):  # not where it is raised: pytest would tell of two errors
        pytest.fail(f"slmtape: {made.message}", pytrace=False)
    with made:
        yield made


def _made(arguments: dict[str, Any]) -> FakeLLMServer | SlmtapeError:
    try:
        return PluginServer(**{"hold": True} | arguments)
    except SlmtapeError as error:
        return error
