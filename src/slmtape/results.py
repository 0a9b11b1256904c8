"""A result as plain JSON values: what people read and compare of it."""

from typing import Any

from slmtape.generation import EmbeddingResult, Result


def plain(result: Result) -> dict[str, Any]:
    """What was said, why it ended, and how many tokens it took; of a vector, its length."""
    if isinstance(result, EmbeddingResult):
        usage = {"prompt_tokens": result.prompt_tokens}
        return {"dimensions": len(result.vector), "usage": usage}
    calls = [{"name": call.name, "arguments": call.arguments} for call in result.tool_calls]
    return {
        "text": result.text,
        **({"reasoning": result.reasoning} if result.reasoning else {}),
        **({"refusal": result.refusal} if result.refusal else {}),
        **({"tool_calls": calls} if calls else {}),
        "finish_reason": result.finish_reason,
        "usage": {
            "prompt_tokens": result.prompt_tokens,
            "completion_tokens": result.completion_tokens,
            "reasoning_tokens": result.reasoning_tokens,
        },
    }
