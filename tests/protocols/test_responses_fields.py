"""Alarms for what the client library grows in the Responses API: all of it has a treatment."""

import re
from collections.abc import Iterator
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from openai.types.conversations.conversation_create_params import ConversationCreateParams
from openai.types.conversations.conversation_update_params import ConversationUpdateParams
from openai.types.conversations.item_create_params import ItemCreateParams
from openai.types.responses import (
    EasyInputMessageParam,
    FunctionToolParam,
    Response,
    ResponseFunctionToolCall,
    ResponseFunctionToolCallParam,
    ResponseIncludable,
    ResponseInputFileContentParam,
    ResponseInputFileParam,
    ResponseInputImageContentParam,
    ResponseInputImageParam,
    ResponseInputItemParam,
    ResponseInputTextContentParam,
    ResponseInputTextParam,
    ResponseOutputItem,
    ResponseOutputMessage,
    ResponseOutputMessageParam,
    ResponseOutputRefusalParam,
    ResponseOutputTextParam,
    ResponseReasoningItem,
    ResponseReasoningItemParam,
    ResponseStreamEvent,
    ResponseTextConfigParam,
    ToolChoiceAllowedParam,
    ToolParam,
)
from openai.types.responses.input_token_count_params import InputTokenCountParams
from openai.types.responses.response_create_params import (
    BackgroundOptions,
    ContextManagement,
    Conversation,
    Moderation,
    PromptCacheOptions,
    ResponseCreateParamsNonStreaming,
    ResponseCreateParamsStreaming,
    StreamOptions,
)
from openai.types.responses.response_format_text_json_schema_config_param import (
    ResponseFormatTextJSONSchemaConfigParam,
)
from openai.types.responses.response_input_item_param import FunctionCallOutput, Message
from openai.types.shared_params import Reasoning
from pydantic import BaseModel

from slmtape.protocols.openai import (
    conversations,
    fields,
    responses_body,
    responses_format,
    responses_items,
    responses_parts,
)
from slmtape.protocols.openai.responses_body import COUNTED, FIELDS, Body, CountBody
from slmtape.protocols.openai.responses_items import ITEMS, MODELS
from slmtape.protocols.openai.tools import RESPONSES
from slmtape.protocols.openai.wire import Treatment
from tests.protocols.test_responses_answer import GRAMMAR, MEMBERS


def types_of(union: Any) -> Iterator[str]:
    """What stands in the member `type` of the union's members."""
    for member in get_args(union):
        if get_args(member) and get_origin(member) is not None and "type" not in hints(member):
            yield from types_of(member)
        elif "type" in hints(member):
            yield from literals(hints(member)["type"])


def hints(member: Any) -> dict[str, Any]:
    """The members of a typed dictionary or a model, as they are written, with their types."""
    if not isinstance(member, type):
        return {}
    if issubclass(member, BaseModel):
        fields = member.model_fields.items()
        return {field.alias or name: field.annotation for name, field in fields}
    return get_type_hints(member)


def literals(annotation: Any) -> Iterator[str]:
    """The strings in an annotation."""
    for argument in get_args(annotation):
        if isinstance(argument, str):
            yield argument
        else:
            yield from literals(argument)


def test_every_field_of_a_request_is_classified() -> None:
    known = set(get_type_hints(ResponseCreateParamsNonStreaming))
    known |= set(get_type_hints(ResponseCreateParamsStreaming))
    assert known == set(FIELDS)
    assert set(get_type_hints(InputTokenCountParams)) == set(COUNTED)


@pytest.mark.parametrize(("body", "fields"), [(Body, FIELDS), (CountBody, COUNTED)])
def test_the_body_has_exactly_the_fields_that_are_not_refused(
    body: type[BaseModel], fields: dict[str, Treatment]
) -> None:
    taken = {name for name, treatment in fields.items() if treatment is not Treatment.REFUSED}
    assert set(body.model_fields) == taken


def test_every_item_that_can_be_sent_is_classified() -> None:
    assert set(types_of(ResponseInputItemParam)) == set(ITEMS)


def test_every_item_that_can_be_answered_can_be_sent_back() -> None:
    assert set(types_of(ResponseOutputItem)) <= set(ITEMS)


def test_an_item_has_a_model_unless_it_is_refused() -> None:
    taken = {name for name, treatment in ITEMS.items() if treatment is not Treatment.REFUSED}
    assert set(MODELS) == taken


def test_every_tool_is_classified() -> None:
    assert set(types_of(ToolParam)) <= set(RESPONSES.types)


def test_every_value_of_include_is_known() -> None:
    assert set(literals(Body.model_fields["include"].annotation)) == set(
        get_args(ResponseIncludable)
    )


NEVER_SENT = (
    *("audio.", "code_interpreter_call", "compaction.", "file_search_call.", "shell_call"),
    *("reasoning_summary_", "refusal.", "web_search_call.", "image_generation_call.", "mcp_"),
    *("output_text.annotation.", "custom_tool_call_input.", "error"),
)
"""Beginnings of events of tools and media that are not here; what fails is `failed`."""


def test_every_event_is_sent_or_of_something_that_is_not_here() -> None:
    sent = {*re.findall("[a-z_.]+", GRAMMAR.pattern), "failed"}
    events = types_of(get_args(ResponseStreamEvent)[0])
    names = {event.removeprefix("response.") for event in events}
    never = {name for name in names if name.startswith(NEVER_SENT)}
    assert names - never == sent
    assert all(any(name.startswith(start) for name in never) for start in NEVER_SENT)


def test_every_member_of_the_response_is_told_or_of_something_that_is_not_here() -> None:
    not_here = {
        *("access_programs", "image", "input_transformations", "moderation", "prompt"),
        *("prompt_cache_diagnostics", "prompt_cache_options", "tool_usage"),
    }
    told = set(MEMBERS) - {"store"}  # which OpenAI tells, and the client library doesn't know
    assert set(Response.model_fields) == told | not_here


MEMBERS_OF: list[tuple[Any, Any]] = [
    (responses_items.WireMessage, EasyInputMessageParam),
    (responses_items.WireMessage, Message),
    (responses_items.WireMessage, ResponseOutputMessageParam),
    (responses_items.WireMessage, ResponseOutputMessage),
    (responses_items.FunctionCall, ResponseFunctionToolCallParam),
    (responses_items.FunctionCall, ResponseFunctionToolCall),
    (responses_items.FunctionCallOutput, FunctionCallOutput),
    (responses_items.Reasoning, ResponseReasoningItemParam),
    (responses_items.Reasoning, ResponseReasoningItem),
    (responses_parts.InputText, ResponseInputTextParam),
    (responses_parts.InputText, ResponseInputTextContentParam),
    (responses_parts.InputImage, ResponseInputImageParam),
    (responses_parts.InputImage, ResponseInputImageContentParam),
    (responses_parts.InputFile, ResponseInputFileParam),
    (responses_parts.InputFile, ResponseInputFileContentParam),
    (responses_parts.OutputText, ResponseOutputTextParam),
    (responses_parts.Refusal, ResponseOutputRefusalParam),
    (responses_body.Reasoning, Reasoning),
    (responses_format.TextConfig, ResponseTextConfigParam),
    (responses_format.JsonSchema, ResponseFormatTextJSONSchemaConfigParam),
    (responses_body.StreamOptions, StreamOptions),
    (responses_body.Managed, ContextManagement),
    (responses_body.BackgroundOptions, BackgroundOptions),
    (responses_body.CacheOptions, PromptCacheOptions),
    (fields.Moderation, Moderation),
    (responses_body.Conversation, get_args(Conversation)[1]),
    (conversations.Created, ConversationCreateParams),
    (conversations.Updated, ConversationUpdateParams),
]


@pytest.mark.parametrize(
    ("ours", "theirs"), MEMBERS_OF, ids=[theirs.__name__ for _, theirs in MEMBERS_OF]
)
def test_every_member_of_their_objects_is_known(ours: type[BaseModel], theirs: Any) -> None:
    assert set(hints(theirs)) <= set(hints(ours))


def test_every_member_of_a_function_is_known() -> None:
    assert set(hints(FunctionToolParam)) == {"type", *hints(RESPONSES.definition)}
    assert set(get_type_hints(ToolChoiceAllowedParam)) == {"type", "mode", "tools"}
    assert set(get_type_hints(ItemCreateParams)) - {"include"} == set(
        conversations.Added.model_fields
    )
