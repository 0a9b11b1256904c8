"""`GET /v1/models` and `GET /v1/models/{id}`."""

from collections.abc import Mapping
from typing import Any

from slmtape.errors import RequestError
from slmtape.protocols import Served

_CREATED = 1735689600


def listing(served: Served, _: Mapping[str, str]) -> dict[str, Any]:
    """Every name a client can ask for."""
    return {"object": "list", "data": [_model(name) for name in served.names]}


def one(served: Served, path: Mapping[str, str]) -> dict[str, Any]:
    """One model. Raises RequestError for a name that is not served."""
    name = path["model"]
    if served.find(name) is None:
        raise RequestError(
            f"The model '{name}' does not exist. Served here: {', '.join(served.names)}.",
            param="model",
            code="model_not_found",
            status=404,
        )
    return _model(name)


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": _CREATED, "owned_by": "slmtape"}
