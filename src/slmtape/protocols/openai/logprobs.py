"""Log-probabilities of tokens, as the APIs write them."""

from typing import Any

from slmtape.generation import Token

_LEAST = -9999.0
"""What OpenAI says where a probability is 0, whose logarithm JSON can't hold."""


def token_logprobs(token: Token) -> dict[str, Any]:
    """`{token, logprob, bytes, top_logprobs: [{token, logprob, bytes}]}`."""
    top = [_told(text, logprob) for text, logprob in token.top]
    return {**_told(token.text, token.logprob), "top_logprobs": top}


def finite(logprob: float) -> float:
    """A log-probability as JSON can hold it."""
    return max(_LEAST, logprob)  # in this order it is _LEAST for NaN too


def spelled(token: bytes) -> str:
    """The token's text; part of a character is written like `bytes:\\xe2\\x82`."""
    try:
        return token.decode()
    except UnicodeDecodeError:
        return "bytes:" + "".join(f"\\x{byte:02x}" for byte in token)


def _told(text: bytes, logprob: float) -> dict[str, Any]:
    return {"token": spelled(text), "logprob": finite(logprob), "bytes": list(text)}
