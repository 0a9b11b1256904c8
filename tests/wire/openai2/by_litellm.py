"""Through LiteLLM: chat completions, responses, embeddings, errors."""

import asyncio
import json
import os

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # it would be downloaded

import litellm
from telling import ASKED, BASE_URL, MODEL, QUESTION, Weather, tell

SERVER = {"model": f"openai/{MODEL}", "api_base": BASE_URL, "api_key": "slmtape", "num_retries": 0}
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string", "enum": ["Paris", "Rome"]}},
                "required": ["city"],
                "additionalProperties": False,
            },
        },
    }
]


def asking(text):
    return {"messages": [{"role": "user", "content": text}], **SERVER}


@tell("plain")
def _():
    return litellm.completion(**asking(QUESTION)).model_dump()


@tell("streamed")
def _():
    chunks = list(
        litellm.completion(**asking(QUESTION), stream=True, stream_options={"include_usage": True})
    )
    deltas = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]
    return {
        "deltas": [delta for delta in deltas if delta],
        "whole": litellm.stream_chunk_builder(chunks).model_dump(),
    }


@tell("asynchronous")
def _():
    async def ask():
        return (await litellm.acompletion(**asking(QUESTION))).choices[0].message.content

    return asyncio.run(ask())


@tell("tool")
def _():
    options = {"tools": TOOLS, "tool_choice": "required", "parallel_tool_calls": False}
    called = litellm.completion(**asking(ASKED), **options)
    chunks = list(litellm.completion(**asking(ASKED), **options, stream=True))
    message = called.choices[0].message
    messages = [
        {"role": "user", "content": ASKED},
        message,
        {
            "role": "tool",
            "tool_call_id": message.tool_calls[0].id,
            "content": "It is 21 degrees in Paris.",
        },
    ]
    answered = litellm.completion(messages=messages, max_tokens=32, **SERVER)
    streamed = litellm.stream_chunk_builder(chunks).choices[0].message
    return {
        "call": message.tool_calls[0].model_dump(),
        "finish_reason": called.choices[0].finish_reason,
        "streamed": streamed.tool_calls[0].model_dump(),
        "answer": answered.choices[0].message.content,
    }


@tell("structured")
def _():
    # What it knows of a model, it knows by the name; it doesn't know this one.
    litellm.enable_json_schema_validation = True
    answer = litellm.completion(**asking(ASKED), response_format=Weather)
    return json.loads(answer.choices[0].message.content)


@tell("response")
def _():
    answer = litellm.responses(input=QUESTION, **SERVER)
    return answer.output[0].content[0].text


@tell("streamed response")
def _():
    return [event.type for event in litellm.responses(input=QUESTION, stream=True, **SERVER)]


@tell("embedding")
def _():
    return litellm.embedding(input=["The sea is blue."], **SERVER).data[0]["embedding"]


@tell("error")
def _():
    try:
        litellm.completion(**asking(ASKED) | {"model": "openai/gpt-17"})
    except litellm.NotFoundError as error:
        return error.status_code
