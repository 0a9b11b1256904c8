"""The OpenAI API. Field by field, what is done with each is in the tables beside the parsers."""

from slmtape.protocols import Generates, Tells, WireProtocol
from slmtape.protocols.openai import chat, errors, models

OPENAI = WireProtocol(
    endpoints=(
        Generates("/v1/chat/completions", chat.parse),
        Tells("/v1/models", models.listing),
        Tells("/v1/models/{model:path}", models.one),
    ),
    error=errors.body,
    no_such_path=errors.no_such_path,
    wrong_method=errors.wrong_method,
)
