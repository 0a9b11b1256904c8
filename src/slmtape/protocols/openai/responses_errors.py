"""Errors in the words of the Responses API: in place of a response, and in one that failed."""

from slmtape.errors import ContextLengthExceeded, RecordingNotFound, RequestError, SlmtapeError


def reword(error: SlmtapeError) -> SlmtapeError:
    """The error in the words of this API."""
    if not isinstance(error, ContextLengthExceeded):
        return error
    return RequestError(
        "Your input exceeds the context window of this model. Please adjust your input and try "
        f"again: it has {error.tokens} tokens, and the model takes at most {error.limit}.",
        param="input",
        code=error.code,
    )


def failure(error: SlmtapeError) -> dict[str, str]:
    """`error` of a response that failed.

    What the client or the test can mend has its own code; what can't be helped is a server error.
    """
    told = reword(error)
    code = told.code if isinstance(told, RequestError | RecordingNotFound) else None
    return {"code": code or "server_error", "message": told.message}
