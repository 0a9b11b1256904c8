"""The OpenAI API. Field by field, what is done with each is in the tables beside the parsers."""

from slmtape.protocols import Generates, Tells, WireProtocol
from slmtape.protocols.openai import (
    authorization,
    chat,
    chat_body,
    chat_stored,
    completions,
    completions_body,
    conversations,
    embeddings,
    errors,
    failures,
    models,
    responses,
    responses_body,
    responses_errors,
    responses_stored,
)
from slmtape.protocols.openai.memory import Memory

FIELDS = {
    "/v1/chat/completions": chat_body.FIELDS,
    "/v1/responses": responses_body.FIELDS,
    "/v1/responses/input_tokens": responses_body.COUNTED,
    "/v1/completions": completions_body.FIELDS,
    "/v1/embeddings": embeddings.FIELDS,
}
"""What is done with each field of a body, by the path that it is sent to."""

OPENAI = WireProtocol(
    endpoints=(
        Generates("/v1/chat/completions", chat.parse),
        Tells("/v1/chat/completions", chat_stored.listing),
        Tells("/v1/chat/completions/{id}", chat_stored.one),
        Tells("/v1/chat/completions/{id}", chat_stored.update, "POST"),
        Tells("/v1/chat/completions/{id}", chat_stored.delete, "DELETE"),
        Tells("/v1/chat/completions/{id}/messages", chat_stored.messages),
        Generates("/v1/responses", responses.parse, responses_errors.reword),
        Generates("/v1/responses/input_tokens", responses.parse_count, responses_errors.reword),
        Tells("/v1/responses/{response_id}", responses_stored.one),
        Tells("/v1/responses/{response_id}", responses_stored.delete, "DELETE"),
        Tells("/v1/responses/{response_id}/cancel", responses_stored.cancel, "POST"),
        Tells("/v1/responses/{response_id}/input_items", responses_stored.input_items),
        Tells("/v1/conversations", conversations.create, "POST"),
        Tells("/v1/conversations/{conversation_id}", conversations.one),
        Tells("/v1/conversations/{conversation_id}", conversations.update, "POST"),
        Tells("/v1/conversations/{conversation_id}", conversations.delete, "DELETE"),
        Tells("/v1/conversations/{conversation_id}/items", conversations.add_items, "POST"),
        Tells("/v1/conversations/{conversation_id}/items", conversations.list_items),
        Tells("/v1/conversations/{conversation_id}/items/{item_id}", conversations.one_item),
        Tells(
            "/v1/conversations/{conversation_id}/items/{item_id}",
            conversations.delete_item,
            "DELETE",
        ),
        Generates("/v1/completions", completions.parse, completions.reword),
        Generates("/v1/embeddings", embeddings.parse),
        Tells("/v1/models", models.listing),
        Tells("/v1/models/{model:path}", models.one),
    ),
    memory=Memory,
    error=errors.body,
    failure=failures.failure,
    failure_headers=failures.failure_headers,
    headers={
        "openai-version": "2020-10-01",
        "openai-organization": "slmtape",
        # Of limits that are never reached.
        "x-ratelimit-limit-requests": "10000",
        "x-ratelimit-limit-tokens": "10000000",
        "x-ratelimit-remaining-requests": "9999",
        "x-ratelimit-remaining-tokens": "9999999",
        "x-ratelimit-reset-requests": "6ms",
        "x-ratelimit-reset-tokens": "0s",
        "access-control-allow-origin": "*",
        "access-control-expose-headers": "X-Request-ID",
    },
    authorize=authorization.check,
    no_such_path=errors.no_such_path,
    wrong_method=errors.wrong_method,
)
