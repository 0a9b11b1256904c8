"""`metadata`: what clients attach to what is stored."""

from collections.abc import Sized
from typing import Annotated

from pydantic import Field

from slmtape.errors import RequestError

Metadata = dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=512)]]


def check(metadata: Sized) -> None:
    """Raises RequestError for more pairs than OpenAI takes."""
    if len(metadata) > 16:
        raise RequestError(
            "Invalid 'metadata': too many properties. Expected an object with at most 16 "
            f"properties, but got an object with {len(metadata)} properties instead.",
            param="metadata",
            code="object_above_max_properties",
        )
