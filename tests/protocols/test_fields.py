"""Alarms for what the OpenAI client library grows: every field of its requests has a treatment."""

from typing import get_type_hints

import pytest
from openai.types.chat import (
    ChatCompletionAssistantMessageParam,
    ChatCompletionContentPartTextParam,
    ChatCompletionDeveloperMessageParam,
    ChatCompletionStreamOptionsParam,
    ChatCompletionSystemMessageParam,
    ChatCompletionToolMessageParam,
    ChatCompletionUserMessageParam,
)
from openai.types.chat.completion_create_params import (
    CompletionCreateParamsNonStreaming,
    CompletionCreateParamsStreaming,
)
from pydantic import BaseModel

from slmtape.protocols.openai.chat_body import (
    FIELDS,
    Body,
    Part,
    StreamOptions,
    WireMessage,
)
from slmtape.protocols.openai.wire import Treatment


def test_every_field_of_the_client_library_is_classified() -> None:
    known = set(get_type_hints(CompletionCreateParamsNonStreaming))
    known |= set(get_type_hints(CompletionCreateParamsStreaming))
    assert known == set(FIELDS)


def test_the_body_has_exactly_the_fields_that_are_not_refused() -> None:
    taken = {name for name, treatment in FIELDS.items() if treatment is not Treatment.REFUSED}
    assert set(Body.model_fields) == taken


@pytest.mark.parametrize(
    ("model", "theirs"),
    [
        (StreamOptions, ChatCompletionStreamOptionsParam),
        (Part, ChatCompletionContentPartTextParam),
        (WireMessage, ChatCompletionSystemMessageParam),
        (WireMessage, ChatCompletionDeveloperMessageParam),
        (WireMessage, ChatCompletionUserMessageParam),
        (WireMessage, ChatCompletionAssistantMessageParam),
        (WireMessage, ChatCompletionToolMessageParam),
    ],
    ids=lambda value: value.__name__,
)
def test_every_member_of_their_objects_is_known(model: type[BaseModel], theirs: type) -> None:
    assert set(get_type_hints(theirs)) <= set(model.model_fields)
