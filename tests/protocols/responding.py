"""What the tests of the Responses API share: bodies in, calls out, without a server."""

import json
from typing import Any

import pytest

from slmtape.errors import RequestError
from slmtape.protocols import Incoming, Served
from slmtape.protocols.openai.memory import Memory
from slmtape.protocols.openai.responses import ResponseCall, parse

SERVED = Served(["echo"], {"gpt-4o-mini": "echo"})
KEY = "a" * 16


def asking(said: Any = "hi", **fields: Any) -> dict[str, Any]:
    """A body."""
    return {"model": "echo", "input": said, **fields}


def incoming(body: Any, served: Served = SERVED, memory: Memory | None = None) -> Incoming:
    """The HTTP call with this body."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Incoming(served, raw, "application/json", memory=memory or Memory())


def call(body: Any, served: Served = SERVED, memory: Memory | None = None) -> ResponseCall:
    """What is asked with this body."""
    return parse(incoming(body, served, memory))


def refusal(body: Any, served: Served = SERVED, memory: Memory | None = None) -> RequestError:
    """The error that this body gets."""
    with pytest.raises(RequestError) as caught:
        call(body, served, memory)
    return caught.value


def function(name: str = "f", **members: Any) -> dict[str, Any]:
    """A tool."""
    return {"type": "function", "name": name, "parameters": {"type": "object"}, **members}


def called(call_id: Any = "call_1", **members: Any) -> dict[str, Any]:
    """A function call item."""
    return {
        "type": "function_call",
        "call_id": call_id,
        "name": "f",
        "arguments": "{}",
        **members,
    }


def answer(call_id: str = "call_1", output: Any = "sunny", **members: Any) -> dict[str, Any]:
    """A function call output item."""
    return {"type": "function_call_output", "call_id": call_id, "output": output, **members}
