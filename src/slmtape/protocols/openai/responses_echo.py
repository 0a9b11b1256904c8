"""What comes back of a request in its response."""

from collections.abc import Mapping
from typing import Any

from slmtape.protocols.openai import fields
from slmtape.protocols.openai.responses_body import Body


def settings(body: Body, format: Mapping[str, Any], conversation: str | None) -> dict[str, Any]:  # noqa: A002
    """What comes back of a request in its answer. `format` is that of `text`."""
    return {
        "background": body.background,
        "conversation": None if conversation is None else {"id": conversation},
        "instructions": body.instructions,
        "max_output_tokens": body.max_output_tokens,
        "max_tool_calls": body.max_tool_calls,
        "model": body.model,
        "parallel_tool_calls": body.parallel_tool_calls,
        "previous_response_id": body.previous_response_id,
        "prompt_cache_key": body.prompt_cache_key,
        "prompt_cache_retention": body.prompt_cache_retention,
        "reasoning": {"effort": None, "summary": None}
        | body.reasoning.model_dump(exclude_none=True),
        "safety_identifier": body.safety_identifier,
        "service_tier": fields.served_tier(body.service_tier),
        "store": body.store,
        "temperature": 1.0 if body.temperature is None else body.temperature,
        "text": {"format": format, "verbosity": body.text.verbosity or "medium"},
        "tool_choice": "auto" if body.tool_choice is None else body.tool_choice,
        "tools": [_tool(tool) for tool in body.tools or ()],
        "top_logprobs": body.top_logprobs,
        "top_p": body.top_p,
        "truncation": body.truncation,
        "user": body.user,
        "metadata": body.metadata,
    }


def _tool(given: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: value for name, value in given.items() if value is not None}
    return {"type": "function", "description": None, "parameters": None, "strict": True} | told
