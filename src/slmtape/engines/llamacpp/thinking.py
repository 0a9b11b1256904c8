"""Whether to think before an answer, and what else a request tells its model's chat template."""

import json
from typing import Any

from slmtape.errors import RequestError
from slmtape.generation import GenerationRequest

OPENS, CLOSES = "<think>", "</think>"
"""What stands around thoughts."""


def thinking(request: GenerationRequest) -> bool:
    """Whether a model that can think before it answers is to do so: where effort is asked for."""
    return bool(template_options(request)["enable_thinking"])


def template_options(request: GenerationRequest) -> dict[str, Any]:
    """What chat templates are told besides the messages. Raises RequestError."""
    effort = request.reasoning_effort
    options: dict[str, Any] = {"enable_thinking": effort not in (None, "none", "minimal")}
    if effort is not None:
        options["reasoning_effort"] = effort
    given = dict(request.extras).get("chat_template_kwargs")
    if given is not None:
        wanted = json.loads(given)
        if not isinstance(wanted, dict):
            raise RequestError(
                "Invalid type for 'chat_template_kwargs': expected an object.",
                param="chat_template_kwargs",
                code="invalid_type",
            )
        options |= wanted
    return options
