"""Chat completions without a server: a body in, a call out."""

import json
from typing import Any

import pytest

from slmtape.errors import RequestError
from slmtape.protocols import Incoming, Served
from slmtape.protocols.openai.chat import ChatCall, parse
from slmtape.protocols.openai.memory import Memory

SERVED = Served(["echo"], {"gpt-4o-mini": "echo"})


def call(body: Any, served: Served = SERVED, memory: Memory | None = None) -> ChatCall:
    """The call in a body."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return parse(
        Incoming(served, raw, "application/json; charset=utf-8", memory=memory or Memory())
    )


def refusal(body: Any, served: Served = SERVED) -> RequestError:
    """The error that a body gets."""
    with pytest.raises(RequestError) as caught:
        call(body, served)
    return caught.value
