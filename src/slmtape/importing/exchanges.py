"""Recorded exchanges with an OpenAI API, as the recordings that a server would have made of them.

Each body is read by the protocol that serves it, so a recording has the key under which a server
looks for it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from slmtape import protocols
from slmtape.errors import RequestError
from slmtape.generation import (
    EmbeddingRequest,
    ModelFile,
    Recording,
    Request,
    Result,
)
from slmtape.importing import Exchange, Left
from slmtape.importing.answers import (
    Answer,
    Unreadable,
    chat,
    completions,
    embeddings,
    responses,
    told,
)
from slmtape.keys import key
from slmtape.protocols import Generates, Incoming, ParsedCall, Served
from slmtape.protocols.openai.memory import Memory

NO_FILE = "0" * 64
"""The digest of a model that was no file here."""

_READERS: Mapping[str, Callable[[ParsedCall, Sequence[Mapping[str, Any]]], Answer]] = {
    "/v1/chat/completions": chat.read,
    "/v1/responses": responses.read,
    "/v1/responses/input_tokens": responses.read_count,
    "/v1/completions": completions.read,
    "/v1/embeddings": embeddings.read,
}
"""Who reads the answers of a path."""


@dataclass(frozen=True, slots=True)
class Imported:
    """A recording, and where it comes from."""

    place: str
    recording: Recording


@dataclass(slots=True)
class Server:
    """What would have recorded the exchanges of one file, serving one model under any name.

    `made_with` is what its recordings say of how they were made.
    """

    served: Served
    made_with: Mapping[str, str]
    memory: Memory = field(default_factory=Memory)
    unseeded: Counter[Request] = field(default_factory=Counter)

    def recordings(self, exchanges: Iterable[Exchange | Left]) -> Iterator[Imported | Left]:
        """Each recording, in order, and whatever could not be carried over."""
        for exchange in exchanges:
            if isinstance(exchange, Left):
                yield exchange
            else:
                yield from self._imported(exchange)

    def _imported(self, exchange: Exchange) -> Iterator[Imported | Left]:
        url = urlsplit(exchange.url)
        host = "" if url.netloc == "api.openai.com" else url.netloc
        what = f"{exchange.method} {host}{url.path}"
        try:
            call, answer = self._read(exchange)
            requests = self._requests(call)
            keys = [key(request) for request in requests]
            self._remember(call, keys, answer)
        except (RequestError, Unreadable) as error:
            yield Left(exchange.place, what, str(error))
            return
        for lost in answer.lost:
            yield Left(exchange.place, what, f"Recorded without its {lost}.", partly=True)
        for request, result in zip(requests, answer.results, strict=True):
            yield Imported(exchange.place, self._recording(request, result, answer.model))

    def _read(self, exchange: Exchange) -> tuple[ParsedCall, Answer]:
        """The call and its answer. Raises RequestError or Unreadable."""
        endpoint = _endpoint(exchange)
        if exchange.status != 200:
            raise Unreadable(_failed(exchange))
        call = self._call(endpoint, exchange)
        try:
            return call, _READERS[endpoint.path](call, told(exchange))
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            if isinstance(error, Unreadable):
                raise
            raise Unreadable(f"Its answer is not as OpenAI's: {error!r}.") from error

    def _call(self, endpoint: Generates, exchange: Exchange) -> ParsedCall:
        incoming = Incoming(
            served=self.served,
            body=exchange.request,
            content_type="application/json",
            memory=self.memory,
        )
        try:
            return endpoint.parse(incoming)
        except RequestError as error:
            raise Unreadable(f"A server refuses the request: {error.message}") from error

    def _requests(self, call: ParsedCall) -> list[Request]:
        """What each result answers, with the seeds that a new server would have given."""
        return [seeded for request in call.requests for seeded in self._seeded(request, call.n)]

    def _seeded(self, request: Request, n: int) -> Iterator[Request]:
        if isinstance(request, EmbeddingRequest) or not request.samples:
            yield from [request] * n
            return
        first = request.seed
        if first is None:
            first = self.unseeded[request]
            self.unseeded[request] += n
        for seed in range(first, first + n):
            yield replace(request, seed=seed)

    def _remember(self, call: ParsedCall, keys: Sequence[str], answer: Answer) -> None:
        """Have later turns go on from this one, by the ids that they know it by."""
        before = set(self.memory.responses)
        call.keep(keys, answer.results)
        calls = [item["call_id"] for item in answer.output if item["type"] == "function_call"]
        for name in self.memory.responses.keys() - before:
            stored = self.memory.responses[name]
            ids = iter(calls)
            output = [
                {**item, "call_id": next(ids)} if item["type"] == "function_call" else item
                for item in stored.body["output"]
            ]
            stored = replace(stored, body={**stored.body, "output": output})
            self.memory.responses[answer.id] = stored

    def _recording(self, request: Request, result: Result, answered_by: str) -> Recording:
        by = {"answered_by": answered_by} if answered_by else {}
        return Recording(
            key=key(request),
            model=ModelFile(request.model, "imported", NO_FILE),
            request=request,
            result=result,
            made_with={**self.made_with, **by},
        )


def server(model: str, source: str, *, lenient: bool = False) -> Server:
    """One that serves this model under any name, with nothing in its memory.

    `source` is the tool that recorded. `lenient`: see `Served`.
    """
    return Server(Served([model], {"*": model}, lenient=lenient), {"imported_from": source})


def _endpoint(exchange: Exchange) -> Generates:
    """What serves such a request, wherever the API's paths begin. Raises Unreadable."""
    path = urlsplit(exchange.url).path.rstrip("/")
    if exchange.method == "POST":
        found = (one for one in _endpoints() if path.endswith(one.path.removeprefix("/v1")))
        longest = max(found, key=lambda one: len(one.path), default=None)
        if longest:
            return longest
    if path.endswith("/models"):
        raise Unreadable("Every server tells its models: no recording is needed.")
    raise Unreadable("Only chat completions, responses, completions and embeddings are recorded.")


def _endpoints() -> Iterator[Generates]:
    for endpoint in protocols.load("openai").endpoints:
        if isinstance(endpoint, Generates) and endpoint.path in _READERS:
            yield endpoint


def _failed(exchange: Exchange) -> str:
    """What to do instead of recording an error."""
    status = exchange.status
    if status < 400:
        return f"Its status is {status}."
    more = f", retry_after={exchange.retry_after}" if exchange.retry_after.isdigit() else ""
    return f"An error is not recorded. Ask for it: server.fault(faults.Status({status}{more}))"
