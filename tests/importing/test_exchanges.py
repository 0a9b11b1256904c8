"""Recorded exchanges become what a server would have recorded of them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from slmtape import protocols
from slmtape.generation import (
    EmbeddingRequest,
    EmbeddingResult,
    GenerationRequest,
    GenerationResult,
    Piece,
    Recording,
    Result,
)
from slmtape.importing import Exchange, Left
from slmtape.importing.exchanges import Imported, Server, server
from slmtape.keys import key
from slmtape.protocols import Generates, Incoming, Served
from tests import bodies
from tests.support import EchoEngine, chat

SERVED = Served(["echo"], {"*": "echo"}, reasoning_content=True)


def exchange(path: str, body: Any, answer: Any, status: int = 200, **more: Any) -> Exchange:
    """An exchange with an API at the usual address."""
    if isinstance(answer, bytes):
        raw = answer
    elif isinstance(answer, list):
        events = [f"data: {json.dumps(event)}\n\n" for event in answer]
        raw = "".join([*events, "data: [DONE]\n\n"]).encode()
    else:
        raw = json.dumps(answer).encode()
    url = f"https://api.openai.com/v1{path}"
    request = json.dumps(body).encode()
    return Exchange(
        place="1", method="POST", url=url, request=request, status=status, response=raw, **more
    )


def imported(*exchanges: Exchange, into: Server | None = None) -> list[Recording | Left]:
    """What becomes of them."""
    found = (into or server("echo", "vcrpy")).recordings(exchanges)
    return [one.recording if isinstance(one, Imported) else one for one in found]


def only(one: Exchange) -> Recording:
    [recording] = imported(one)
    assert isinstance(recording, Recording), recording
    return recording


def said(recording: Recording) -> GenerationResult:
    assert isinstance(recording.result, GenerationResult)
    return recording.result


def complaint(one: Exchange) -> str:
    [left] = imported(one)
    assert isinstance(left, Left), left
    assert not left.partly
    return left.why


def message(content: str | None = "hello", reason: str = "stop", **more: Any) -> dict[str, Any]:
    """A chat completion."""
    told = {"role": "assistant", "content": content, **more}
    choice = {"index": 0, "message": told, "finish_reason": reason}
    usage = {"prompt_tokens": 5, "completion_tokens": 3}
    return {"model": "gpt-4o-2024-08-06", "choices": [choice], "usage": usage}


def delta(reason: str | None = None, index: int = 0, **told: Any) -> dict[str, Any]:
    """An event of a chat completion."""
    return {"choices": [{"index": index, "delta": told, "finish_reason": reason}]}


def answered(path: str, body: Mapping[str, Any]) -> tuple[Exchange, list[tuple[str, Result]]]:
    """What this project's own server says to a body, and what it records of it."""
    endpoints = protocols.load("openai").endpoints
    [endpoint] = [one for one in endpoints if isinstance(one, Generates) and one.path == path]
    raw = json.dumps(body).encode()
    memory = protocols.load("openai").memory()
    call = endpoint.parse(Incoming(SERVED, raw, "application/json", memory=memory))
    engine = EchoEngine()
    requests = list(_seeded(call.requests, call.n))
    results: list[Any] = []
    for request in requests:
        if isinstance(request, EmbeddingRequest):
            results.append(engine.embed(request, lambda _: None))
        else:
            results.append(engine.generate(request, lambda _: None))
    keys = [key(request) for request in requests]
    told = call.render(keys, results)
    if call.stream:
        events = call.rendering(keys)
        pieces = [
            events.piece(index, piece)
            for index, result in enumerate(results)
            for piece in result.pieces
        ]
        told = "".join([events.open(), *pieces, events.close(results)]).encode()
    one = exchange(path.removeprefix("/v1"), body, told)
    return one, list(zip(keys, results, strict=True))


def _seeded(requests: Any, n: int) -> Iterator[Any]:
    for request in requests:
        sampled = isinstance(request, GenerationRequest) and request.samples
        for index in range(n):
            yield replace(request, seed=(request.seed or 0) + index) if sampled else request


def calls(path: str, parts: Any) -> list[tuple[str, dict[str, Any]]]:
    """Bodies that are sent to a path."""
    return [(path, {"model": "gpt-4o", **part}) for part in parts]


ASKED = {"model": "m", "input": "hi"}
CALLS: list[tuple[str, dict[str, Any]]] = [
    *calls("/v1/chat/completions", bodies.CHAT),
    *calls("/v1/responses", bodies.RESPONSES),
    ("/v1/chat/completions", chat("é one", temperature=1, n=3, logprobs=True)),
    ("/v1/completions", {"model": "m", "prompt": ["a b", "c d e"], "n": 2, "logprobs": 2}),
    ("/v1/completions", {"model": "m", "prompt": "a b", "echo": True, "max_tokens": 1}),
]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("path", "body"), CALLS)
def test_what_this_server_answers_is_imported_as_what_it_records(
    path: str, body: dict[str, Any], stream: bool
) -> None:
    body = {name: value for name, value in body.items() if name not in ("store", "background")}
    if stream and path != "/v1/responses":
        body["stream_options"] = {"include_usage": True}
    one, recorded = answered(path, {**body, "stream": stream})
    found = imported(one)
    assert [(r.key if isinstance(r, Recording) else r) for r in found] == [k for k, _ in recorded]
    for recording, (_, result) in zip(found, recorded, strict=True):
        assert isinstance(recording, Recording)
        assert isinstance(result, GenerationResult)
        mine = said(recording)
        assert (mine.text, mine.tool_calls) == (result.text, result.tool_calls)
        assert mine.reasoning == result.reasoning
        assert mine.finish_reason == result.finish_reason
        if stream:
            assert [p.text for p in mine.pieces] == [p.text for p in result.pieces if p.text]
        assert [t for p in mine.pieces for t in p.tokens] == [
            t for p in result.pieces for t in p.tokens
        ]
    total = sum(r.completion_tokens for _, r in recorded if isinstance(r, GenerationResult))
    assert sum(said(r).completion_tokens for r in found if isinstance(r, Recording)) == total


@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_vectors_are_imported_for_each_text(encoding: str) -> None:
    body = {"model": "m", "input": ["one", "two words"], "encoding_format": encoding}
    one, recorded = answered("/v1/embeddings", body)
    found = imported(one)
    assert [r.key for r in found if isinstance(r, Recording)] == [k for k, _ in recorded]
    for recording, (_, result) in zip(found, recorded, strict=True):
        assert isinstance(recording, Recording)
        assert isinstance(recording.result, EmbeddingResult)
        assert isinstance(result, EmbeddingResult)
        assert recording.result.vector == pytest.approx(result.vector)


def test_a_recording_says_who_answered_and_who_recorded() -> None:
    recording = only(exchange("/chat/completions", chat("hi"), message()))
    assert recording.made_with == {"imported_from": "vcrpy", "answered_by": "gpt-4o-2024-08-06"}
    assert (recording.model.name, recording.model.sha256) == ("echo", "0" * 64)
    assert (said(recording).prompt_tokens, said(recording).completion_tokens) == (5, 3)


def test_paths_may_begin_as_they_like() -> None:
    one = exchange("/chat/completions", chat("hi"), message())
    for url in (
        "http://localhost:1234/openai/v1/chat/completions?api-version=2024-10-21",
        "https://me.openai.azure.com/openai/deployments/gpt-4o/chat/completions",
    ):
        assert only(replace(one, url=url)).key == only(one).key


@pytest.mark.parametrize(
    ("reason", "imported_as"),
    [("stop", "stop"), ("length", "length"), ("content_filter", "content_filter")],
)
def test_finish_reasons_are_kept(reason: str, imported_as: str) -> None:
    one = exchange("/chat/completions", chat("hi"), message(reason=reason))
    assert said(only(one)).finish_reason == imported_as


def test_refusals_and_thoughts_are_kept() -> None:
    one = exchange("/chat/completions", chat("hi"), message(None, refusal="I won't say"))
    assert (said(only(one)).refusal, said(only(one)).text) == ("I won't say", "")
    told = [
        delta(reasoning_content="Hm"),
        delta(reasoning_content="m."),
        delta("stop", content="A"),
    ]
    result = said(only_partly(exchange("/chat/completions", chat("hi"), told)))
    assert result.pieces == (Piece("Hm", "reasoning"), Piece("m.", "reasoning"), Piece("A"))


def only_partly(one: Exchange) -> Recording:
    """The recording of an exchange of which something is lost."""
    *lost, recording = imported(one)
    assert lost
    assert all(isinstance(left, Left) and left.partly for left in lost)
    assert isinstance(recording, Recording)
    return recording


def test_parallel_calls_whose_deltas_mingle_are_kept_apart() -> None:
    def part(index: int, **function: str) -> dict[str, Any]:
        return delta(tool_calls=[{"index": index, "function": function}])

    told = [
        part(0, name="f", arguments=""),
        part(1, name="g", arguments='{"b"'),
        part(0, arguments='{"a":1}'),
        part(1, arguments=":2}"),
        delta("tool_calls"),
    ]
    result = said(only_partly(exchange("/chat/completions", chat("hi"), told)))
    assert [(c.name, c.arguments) for c in result.tool_calls] == [
        ("f", '{"a":1}'),
        ("g", '{"b":2}'),
    ]
    assert result.finish_reason == "stop"


def test_functions_of_old_are_calls() -> None:
    told = message(None, "function_call", function_call={"name": "f", "arguments": "{}"})
    [call] = said(only(exchange("/chat/completions", chat("hi"), told))).tool_calls
    assert (call.name, call.arguments) == ("f", "{}")


def test_usage_that_was_not_told_is_counted_and_complained_about() -> None:
    told = [delta(content="One"), delta(content=" two"), delta("stop")]
    one = exchange("/chat/completions", chat("count for me"), told)
    result = said(only_partly(one))
    assert (result.prompt_tokens, result.completion_tokens) == (3, 2)


def test_choices_get_the_seeds_of_a_new_server() -> None:
    told = message("a")
    told["choices"] = [{**told["choices"][0], "index": index} for index in range(2)]
    one = exchange("/chat/completions", chat("hi", n=2, temperature=1), told)
    assert seeds(imported(one, one)) == [0, 1, 2, 3]
    seeded = exchange("/chat/completions", chat("hi", n=2, temperature=1, seed=7), told)
    assert seeds(imported(seeded)) == [7, 8]


def seeds(recordings: Sequence[Recording | Left]) -> list[int | None]:
    requests = [one.request for one in recordings if isinstance(one, Recording)]
    return [one.seed for one in requests if isinstance(one, GenerationRequest)]


def test_a_later_turn_goes_on_from_an_earlier_one() -> None:
    tool = {"type": "function", "name": "f", "parameters": None}
    call = {
        "id": "fc_1",
        "type": "function_call",
        "call_id": "call_X",
        "name": "f",
        "arguments": "{}",
    }
    output = {"type": "function_call_output", "call_id": "call_X", "output": "done"}
    text = {"type": "message", "content": [{"type": "output_text", "text": "It is."}]}
    first = exchange(
        "/responses",
        {"model": "m", "input": "go", "tools": [tool]},
        {"id": "resp_1", "status": "completed", "output": [call]},
    )
    second = exchange(
        "/responses",
        {"model": "m", "input": [output], "previous_response_id": "resp_1", "tools": [tool]},
        {"id": "resp_2", "status": "completed", "output": [text]},
    )
    [*_, last] = imported(first, second)
    assert isinstance(last, Recording)
    assert isinstance(last.request, GenerationRequest)
    assert [m.role for m in last.request.messages] == ["user", "assistant", "tool"]
    assert last.request.tool_results == (("f", "done"),)
    assert "Previous response with id 'resp_1' not found." in complaint(second)


def test_comments_in_a_stream_are_overlooked() -> None:
    events = [delta(content="One"), delta("stop", content=" two")]
    lines = [f": PROCESSING\n\ndata: {json.dumps(event)}\r\n\r\n" for event in events]
    one = exchange("/chat/completions", chat("hi"), "".join(lines).encode())
    assert [piece.text for piece in said(only_partly(one)).pieces] == ["One", " two"]


def test_a_summary_of_reasoning_is_told_as_reasoning() -> None:
    parts = [{"type": "summary_text", "text": text} for text in ("First.", "Second.")]
    text = {"type": "message", "content": [{"type": "output_text", "text": "It is."}]}
    told = {"status": "completed", "output": [{"type": "reasoning", "summary": parts}, text]}
    result = said(only_partly(exchange("/responses", ASKED, told)))
    assert (result.reasoning, result.text) == ("First.\n\nSecond.", "It is.")


def test_an_answer_that_was_cut_off_is_told_as_that() -> None:
    text = {"type": "message", "content": [{"type": "output_text", "text": "It"}]}
    for reason, finish in (("max_output_tokens", "length"), ("content_filter", "content_filter")):
        told = {"status": "incomplete", "incomplete_details": {"reason": reason}, "output": [text]}
        one = exchange("/responses", {"model": "m", "input": "go"}, told)
        assert said(only(one)).finish_reason == finish


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (exchange("/moderations", {}, {}), "Only chat completions, responses, completions and"),
        (exchange("/chat/completions", chat("hi"), {"error": {}}, 400), "faults.Status(400)"),
        (
            exchange("/chat/completions", chat("hi"), {}, 429, retry_after="3"),
            "Ask for it: server.fault(faults.Status(429, retry_after=3))",
        ),
        (exchange("/chat/completions", chat("hi"), {}, 302), "Its status is 302."),
        (
            exchange("/chat/completions", chat("hi", tempo=3), message()),
            "Unknown parameter: 'tempo'",
        ),
        (exchange("/chat/completions", chat("hi", n=2), message()), "1 choices, and 2 were asked"),
        (exchange("/chat/completions", [], message()), "A server refuses the request: "),
        (exchange("/chat/completions", chat("hi"), b""), "Its answer is empty."),
        (exchange("/chat/completions", chat("hi"), b"<html>"), "Its answer is not JSON: "),
        (exchange("/chat/completions", chat("hi"), b"3"), "Its answer is no JSON object."),
        (exchange("/chat/completions", chat("hi"), {"choices": [3]}), "not as OpenAI's: "),
        (exchange("/chat/completions", chat("hi"), [delta(content="A")]), "It is not complete"),
        (
            exchange("/chat/completions", chat("hi"), [{"error": {"message": "Overloaded"}}]),
            "It ended with an error: Overloaded",
        ),
        (
            exchange("/chat/completions", chat("hi"), message(None, audio={"data": ""})),
            "It was spoken",
        ),
        (
            exchange("/responses", ASKED, {"output": [{"type": "mcp_call"}]}),
            "It has an item of the type 'mcp_call'",
        ),
        (
            exchange(
                "/responses",
                ASKED,
                {"status": "failed", "error": {"message": "no"}, "output": []},
            ),
            "no",
        ),
        (
            exchange("/responses", ASKED, {"status": "queued", "output": []}),
            "its status is 'queued'",
        ),
        (exchange("/embeddings", {"model": "m", "input": "a"}, {"data": []}), "0 vectors for 1"),
    ],
)
def test_what_can_not_be_carried_over_is_told(one: Exchange, why: str) -> None:
    assert why in complaint(one)


def test_what_is_lost_is_told_beside_the_recording() -> None:
    cited = message(annotations=[{"type": "url_citation"}])
    lost, recording = imported(exchange("/chat/completions", chat("hi"), cited))
    assert isinstance(recording, Recording)
    assert lost == Left(
        "1", "POST /v1/chat/completions", "Recorded without its annotations.", partly=True
    )


def test_parameters_of_other_servers_are_let_through_where_a_server_would() -> None:
    one = exchange("/chat/completions", chat("hi", top_k=3), message())
    assert "Unknown parameter: 'top_k'" in complaint(one)
    [recording] = imported(one, into=server("echo", "vcrpy", lenient=True))
    assert isinstance(recording, Recording)
    assert recording.request.extras == (("top_k", "3"),)
