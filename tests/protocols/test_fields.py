"""Alarms for what the OpenAI client library grows: all that it sends and reads has a treatment."""

import json
from typing import Any, get_args, get_type_hints

import pytest
from openai.types import chat as theirs
from openai.types.chat import chat_completion, chat_completion_chunk, completion_create_params
from openai.types.chat import chat_completion_allowed_tools_param as allowed_tools_param
from openai.types.chat import chat_completion_assistant_message_param as assistant_param
from openai.types.chat import chat_completion_content_part_image_param as image_param
from openai.types.chat import chat_completion_content_part_input_audio_param as audio_param
from openai.types.chat import chat_completion_content_part_param as part_param
from openai.types.chat import chat_completion_message_function_tool_call_param as call_param
from openai.types.chat.chat_completion_token_logprob import TopLogprob
from openai.types.chat.completions.message_list_params import MessageListParams
from openai.types.completion_usage import (
    CompletionTokensDetails,
    CompletionUsage,
    PromptTokensDetails,
)
from openai.types.shared_params import response_format_json_schema
from pydantic import BaseModel

from slmtape.generation import GenerationResult, Piece, Token
from slmtape.protocols.openai import (
    chat_body,
    chat_format,
    chat_messages,
    chat_stored,
    fields,
    tools,
)
from slmtape.protocols.openai.chat_body import FIELDS
from slmtape.protocols.openai.wire import Treatment
from tests.protocols.calls import call
from tests.support import chat

# What is sent


def members(model: type[BaseModel]) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}


def test_every_field_of_the_client_library_is_classified() -> None:
    known = set(get_type_hints(completion_create_params.CompletionCreateParamsNonStreaming))
    known |= set(get_type_hints(completion_create_params.CompletionCreateParamsStreaming))
    assert known == set(FIELDS)


def test_the_body_has_exactly_the_fields_that_are_not_refused() -> None:
    taken = {name for name, treatment in FIELDS.items() if treatment is not Treatment.REFUSED}
    assert members(chat_body.Body) == taken


@pytest.mark.parametrize(
    ("model", "written"),
    [
        (chat_body.StreamOptions, theirs.ChatCompletionStreamOptionsParam),
        (chat_body.CacheOptions, completion_create_params.PromptCacheOptions),
        (chat_body.Prediction, theirs.ChatCompletionPredictionContentParam),
        (fields.Moderation, completion_create_params.Moderation),
        (fields.ModerationPolicy, completion_create_params.ModerationPolicy),
        (fields.ModerationMode, completion_create_params.ModerationPolicyInput),
        (fields.ModerationMode, completion_create_params.ModerationPolicyOutput),
        (chat_body.WebSearchOptions, completion_create_params.WebSearchOptions),
        (chat_body.UserLocation, completion_create_params.WebSearchOptionsUserLocation),
        (chat_body.Place, completion_create_params.WebSearchOptionsUserLocationApproximate),
        (chat_format.ResponseFormat, response_format_json_schema.ResponseFormatJSONSchema),
        (chat_format.JsonSchema, response_format_json_schema.JSONSchema),
        (chat_messages.AudioReference, assistant_param.Audio),
        (chat_messages.ImageURL, image_param.ImageURL),
        (chat_messages.InputAudio, audio_param.InputAudio),
        (chat_messages.File, part_param.FileFile),
        (chat_messages.Breakpoint, part_param.FilePromptCacheBreakpoint),
        (chat_stored.Update, theirs.completion_update_params.CompletionUpdateParams),
        (tools.Named, theirs.ChatCompletionFunctionCallOptionParam),
        (tools.Allowed, allowed_tools_param.ChatCompletionAllowedToolsParam),
    ],
    ids=lambda value: value.__name__,
)
def test_every_member_of_their_objects_is_known(model: type[BaseModel], written: type) -> None:
    assert members(model) == set(get_type_hints(written))


def union(written: Any) -> set[str]:
    """The members of any of the objects of a union."""
    return {name for one in get_args(written) for name in get_type_hints(one)}


def test_every_member_of_messages_parts_and_calls_is_known() -> None:
    answered = {"annotations", "reasoning_content", "parsed"}
    added = {"provider_specific_fields", "thinking_blocks"}
    assert members(chat_messages.WireMessage) == (
        union(theirs.ChatCompletionMessageParam) | answered | added
    )
    parts = union(theirs.ChatCompletionContentPartParam)
    parts |= set(get_type_hints(theirs.ChatCompletionContentPartRefusalParam))
    assert members(chat_messages.Part) == parts
    calls = union(theirs.ChatCompletionMessageToolCallUnionParam)
    assert members(chat_messages.CalledTool) == calls | {"index"}
    for written in (assistant_param.FunctionCall, call_param.Function):
        known = set(get_type_hints(written)) | {"parsed_arguments"}
        assert members(chat_messages.FunctionCall) == known


def test_every_type_of_tool_and_choice_is_known() -> None:
    types = [get_args(get_type_hints(one)["type"]) for one in tool_types()]
    assert {name for names in types for name in names} == set(tools.CHAT.types)


def tool_types() -> tuple[Any, ...]:
    return get_args(theirs.ChatCompletionToolUnionParam)


@pytest.mark.parametrize(
    ("params", "others"),
    [
        (theirs.completion_list_params.CompletionListParams, {"model", "metadata"}),
        (MessageListParams, set()),
    ],
    ids=["completions", "messages"],
)
def test_every_parameter_of_lists_is_known(params: type, others: set[str]) -> None:
    assert set(get_type_hints(params)) == {"limit", "order", "after"} | others


# What is read


PIECES = (
    *(Piece("a", "reasoning"), Piece("a", tokens=(Token(b"a", -1.0, ((b"a", -1.0),)),))),
    *(Piece("f", "call"), Piece("{}", "arguments")),
)
RESULT = GenerationResult(pieces=PIECES, finish_reason="stop", prompt_tokens=1, completion_tokens=1)
LEGACY = {"functions": [{"name": "f"}], "function_call": "auto"}
TOOLS = {"tools": [{"type": "function", "function": {"name": "f"}}]}

NEVER = {
    "ChatCompletion": {"moderation"},
    "ChatCompletionChunk": {"moderation", "obfuscation"},
    "ChatCompletionMessage": {"audio"},
    "ChoiceDelta": {"audio"},
    "PromptTokensDetails": {"cache_write_tokens", "image_tokens", "text_tokens"},
    "CompletionTokensDetails": {"text_tokens"},
}
"""What no answer has: nobody moderates, nothing is spoken, and no part of a prompt is billed."""

OUR_OWN = {"ChatCompletionMessage": {"reasoning_content"}, "ChoiceDelta": {"reasoning_content"}}
"""What OpenAI does not have; it is called as DeepSeek and llama.cpp call it."""


def answers(stream: bool) -> list[Any]:
    """Answers that have all that an answer can have."""
    told: list[Any] = []
    for options in (LEGACY, TOOLS):
        usage = {"stream_options": {"include_usage": True}} if stream else {}
        parsed = call(chat("a", stream=stream, store=True, logprobs=True, **options, **usage))
        if not stream:
            told.append(json.loads(parsed.render(["k"], [RESULT])))
            continue
        events = parsed.rendering(["k"])
        text = events.open() + "".join(events.piece(0, piece) for piece in PIECES)
        lines = (text + events.close([RESULT])).split("\n\n")[:-2]
        told += [json.loads(line.removeprefix("data: ")) for line in lines]
    return told


def inner(values: list[Any], *path: str) -> list[Any]:
    """What stands in these values under a path of names; arrays are gone through."""
    for name in path:
        values = [value[name] for value in values if value.get(name) is not None]
        values = [
            one for value in values for one in (value if isinstance(value, list) else [value])
        ]
    return values


TOOL_CALL = theirs.ChatCompletionMessageFunctionToolCall


@pytest.mark.parametrize(
    ("stream", "path", "read"),
    [
        (False, "", theirs.ChatCompletion),
        (False, "choices", chat_completion.Choice),
        (False, "choices message", theirs.ChatCompletionMessage),
        (False, "choices message function_call", theirs.chat_completion_message.FunctionCall),
        (False, "choices message tool_calls", TOOL_CALL),
        (False, "choices logprobs", chat_completion.ChoiceLogprobs),
        (False, "choices logprobs content", theirs.ChatCompletionTokenLogprob),
        (False, "choices logprobs content top_logprobs", TopLogprob),
        (False, "usage", CompletionUsage),
        (False, "usage prompt_tokens_details", PromptTokensDetails),
        (False, "usage completion_tokens_details", CompletionTokensDetails),
        (True, "", theirs.ChatCompletionChunk),
        (True, "choices", chat_completion_chunk.Choice),
        (True, "choices delta", chat_completion_chunk.ChoiceDelta),
        (True, "choices delta function_call", chat_completion_chunk.ChoiceDeltaFunctionCall),
        (True, "choices delta tool_calls", chat_completion_chunk.ChoiceDeltaToolCall),
        (True, "choices delta tool_calls function", None),
        (True, "choices logprobs", chat_completion_chunk.ChoiceLogprobs),
    ],
)
def test_every_member_that_a_client_reads_is_told_or_known_never_to_be(
    stream: bool, path: str, read: type[BaseModel] | None
) -> None:
    read = read or chat_completion_chunk.ChoiceDeltaToolCallFunction
    told = {name for value in inner(answers(stream), *path.split()) for name in value}
    never = NEVER.get(read.__name__, set())
    assert told - OUR_OWN.get(read.__name__, set()) == set(read.model_fields) - never
