"""What the bodies of several endpoints have in common: reading them, and types of their fields."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, Discriminator, Field, Tag, ValidationError

from slmtape.errors import RequestError
from slmtape.protocols import Incoming, Served
from slmtape.protocols.openai import errors
from slmtape.protocols.openai.wire import Extras, Strict, Treatment, plain

INT32 = 2**31 - 1
INT64 = 2**63 - 1
MOST_TEXTS = 2048
"""How many texts one body may have: of prompts, or of inputs to embed."""

_TIERS = {"auto": "default", "fast": "priority"}
_BIAS_KEY = re.compile(r"0|[1-9][0-9]{0,8}")

Shape = TypeVar("Shape", bound=BaseModel)
Bias = Annotated[float, Field(ge=-100, le=100)]
Text64 = Annotated[str, Field(max_length=64)]


def _kind(value: Any) -> str | None:
    """Which of the ways to say texts this is; None: none of them."""
    if isinstance(value, str):
        return errors.ONE
    if not isinstance(value, list):
        return None
    first = value[0] if value else ""
    if isinstance(first, list):
        return errors.TOKEN_ARRAYS
    return errors.TOKENS if isinstance(first, int | float) else errors.MANY


_Tokens = Annotated[
    list[Annotated[int, Field(ge=0, le=INT32)]], Field(min_length=1, fail_fast=True)
]
_Many = Field(min_length=1, max_length=MOST_TEXTS)
Texts = Annotated[
    Annotated[str, Tag(errors.ONE)]
    | Annotated[list[str], _Many, Tag(errors.MANY)]
    | Annotated[_Tokens, Tag(errors.TOKENS)]
    | Annotated[list[_Tokens], _Many, Tag(errors.TOKEN_ARRAYS)],
    Discriminator(
        _kind,
        custom_error_type="string_or_strings",
        custom_error_message="expected a string or an array of strings",
    ),
]
"""One text or several, each a string or an array of token ids of the model that answers."""


class ModerationMode(Strict):
    """What is done with harmful text."""

    mode: Literal["score", "block"]


class ModerationPolicy(Strict):
    """`moderation.policy`."""

    input: ModerationMode | None = None
    output: ModerationMode | None = None


class Moderation(Strict):
    """`moderation`. Nothing is moderated here."""

    model: str
    policy: ModerationPolicy | None = None


def texts(given: Any) -> tuple[str | tuple[int, ...], ...]:
    """Each text of a field of the type `Texts`."""
    if isinstance(given, str):
        return (given,)
    if isinstance(given[0], int):
        return (tuple(given),)
    return tuple(text if isinstance(text, str) else tuple(text) for text in given)


def read(
    incoming: Incoming,
    shape: type[Shape],
    fields: Mapping[str, Treatment],
    needed: Sequence[str] = (),
) -> tuple[Shape, Extras]:
    """The body of a request, and what OpenAI does not know, if that is let through.

    `shape` has the fields of the table `fields` that are not refused; those in `needed` must be
    there. Raises RequestError, in OpenAI's words and order.
    """
    sent = errors.read_object(incoming.body, incoming.content_type)
    # For OpenAI null means "not given".
    given = {name: value for name, value in sent.items() if value is not None}
    if "model" not in given:
        raise RequestError("you must provide a model parameter")
    for name in needed:
        if name not in given:
            raise errors.missing(name)
    extras = {name: given.pop(name) for name in sent if name in given and name not in fields}
    if extras and not incoming.served.lenient:
        raise errors.unknown(next(iter(extras)), known=fields)
    refused = [name for name in fields if fields[name] is Treatment.REFUSED and name in given]
    try:
        body = shape.model_validate({n: v for n, v in given.items() if n not in refused})
    except ValidationError as error:
        raise errors.mistake(error.errors(), list(fields)) from error
    for name in refused:
        raise errors.unsupported_parameter(name)
    return body, plain(extras)


def served_model(served: Served, asked: str) -> str:
    """The model that answers to the name a client asked for. Raises RequestError for none."""
    model = served.find(asked)
    if model is None:
        raise RequestError(
            f"The model `{asked}` does not exist or you do not have access to it. "
            f"Served here: {', '.join(served.names)}.",
            code="model_not_found",
            status=404,
        )
    return model


def served_tier(asked: str) -> str:
    """The `service_tier` that an answer says it had, where this one was asked for."""
    return _TIERS.get(asked, asked)


def biases(given: Mapping[str, float] | None) -> tuple[tuple[int, float], ...]:
    """`logit_bias` by token id. Raises RequestError for keys that are none."""
    for token in given or {}:
        if not _BIAS_KEY.fullmatch(token):
            raise RequestError(
                f"Invalid key in 'logit_bias': {token}. "
                "You should only be submitting non-negative integers.",
                param="logit_bias",
                code="invalid_value",
            )
    return tuple((int(token), bias) for token, bias in (given or {}).items())
