"""What the programs beside this file have in common.

They call the server at BASE_URL, and print what each call gave as one line of JSON.
"""

import atexit
import json
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any, Literal

from loopback import only_loopback
from pydantic import BaseModel, Field

BASE_URL = os.environ["BASE_URL"]
MODEL = "smollm2-135m"
QUESTION = "What is the capital of France"
ASKED = "How warm is it in Paris?"

_told: dict[str, Any] = {}
_loopback = only_loopback()


class Weather(BaseModel):
    """The weather in a city."""

    city: Literal["Paris", "Rome"]
    celsius: int = Field(ge=0, le=40)


def get_weather(city: Literal["Paris", "Rome"]) -> str:
    """The weather in a city."""
    return f"It is 21 degrees in {city}."


def tell(name: str) -> Callable[[Callable[[], Any]], None]:
    """Run the decorated function, and keep what it gives, or what it failed with."""

    def call(ask: Callable[[], Any]) -> None:
        try:
            _told[name] = ask()
        except Exception:
            _told[name] = {"failed": traceback.format_exc()}

    return call


@atexit.register
def _print() -> None:
    _told["refused connections"] = _refused
    sys.stdout.write(json.dumps(_told))


_refused = _loopback.__enter__()
