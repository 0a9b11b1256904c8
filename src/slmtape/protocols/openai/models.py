"""`GET /v1/models` and `GET /v1/models/{id}`."""

from typing import Any

from slmtape.errors import RequestError
from slmtape.protocols import Incoming
from slmtape.protocols.openai.identity import EPOCH


def listing(incoming: Incoming) -> dict[str, Any]:
    """Every name a client can ask for."""
    return {"object": "list", "data": [_model(name) for name in incoming.served.names]}


def one(incoming: Incoming) -> dict[str, Any]:
    """One model. Raises RequestError for a name that is not served."""
    served, name = incoming.served, incoming.path["model"]
    if served.find(name) is None:
        raise RequestError(
            f"The model '{name}' does not exist. Served here: {', '.join(served.names)}.",
            param="model",
            code="model_not_found",
            status=404,
        )
    return _model(name)


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": EPOCH, "owned_by": "slmtape"}
