"""What the parsers of bodies share: objects that refuse what they don't know."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic_core import PydanticCustomError

from slmtape.errors import RequestError
from slmtape.keys import json_text
from slmtape.protocols.openai import errors


class Treatment(StrEnum):
    """What is done with a field."""

    USED = "decides the answer, or how it is sent"
    ECHOED = "comes back in the answer"
    ACCEPTED = "checked; changes no answer"
    REFUSED = "refused by name"


class Strict(BaseModel):
    """An object of a body: each member has its JSON type, and there are no others."""

    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)


def _array(value: Any) -> Any:
    if not isinstance(value, list):
        raise PydanticCustomError("objects_type", "expected an array of objects")
    return value


Objects = BeforeValidator(_array)
"""Of an array that OpenAI calls "an array of objects" where something else was given."""


def told_by(check: Callable[[Any], Any]) -> AfterValidator:
    """Of a field whose value is what `check` makes of it; its RequestError comes in its turn."""

    def validate(value: Any) -> Any:
        try:
            return check(value)
        except RequestError as error:
            raise PydanticCustomError(errors.REFUSED, "refused", {"error": error}) from error

    return AfterValidator(validate)


Extras = tuple[tuple[str, str], ...]

Model = TypeVar("Model", bound=BaseModel)


def read(model: type[Model], value: Any, param: str) -> Model:
    """The object at `param` ("tools[0].function"). Raises RequestError, in OpenAI's words."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise errors.first(error.errors(), param) from error


def plain(extras: Mapping[str, Any]) -> Extras:
    """Parameters of other servers as a GenerationRequest can hold and compare them."""
    return tuple((name, json_text(value)) for name, value in extras.items())
