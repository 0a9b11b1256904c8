"""Answers that a test wrote."""

import json
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from slmtape import FakeLLMServer, Reply, Usage, faults
from slmtape.errors import CheckError, ConfigurationError, StubError
from slmtape.generation import EmbeddingRequest, GenerationResult, JsonFormat, Request, Tool
from slmtape.keys import json_text
from slmtape.matching import Matcher
from slmtape.stubs import Answering, Stub
from tests.support import EchoEngine, ask, chat, request_for
from tests.support import Reply as Http

Serve = Callable[..., FakeLLMServer]
WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


def said(server: FakeLLMServer, text: str, **fields: Any) -> Any:
    """The message that answers this text."""
    return ask(server.base_url, chat(text, **fields)).json["choices"][0]["message"]


def stub(answer: Answering, **options: Any) -> Stub:
    """A stub for any request."""
    given: dict[str, Any] = {"times": None, "tools": (), "optional": False} | options
    return Stub(answer, Matcher(), **given)


def result(answer: Answering, request: Request) -> Any:
    """What a stub says to a request."""
    answered = stub(answer).answer(request, "echo")
    return answered and answered.result


def test_a_stub_comes_before_recordings_and_the_model(serve: Serve, tmp_path: Path) -> None:
    with serve(cache=tmp_path / "cassettes") as server:
        assert said(server, "hello")["content"] == "hello"
        server.stub("good morning", user="hello")
        assert said(server, "hello")["content"] == "good morning"
        assert said(server, "goodbye")["content"] == "goodbye"
        assert [call.source for call in server.calls] == ["model", "stub", "model"]
        assert [call.replayed for call in server.calls] == [False, None, False]
    assert len(list((tmp_path / "cassettes").rglob("*.json"))) == 2


def test_the_same_stub_answers_streams_and_other_endpoints(serve: Serve) -> None:
    server = serve()
    server.stub("good morning, all")
    events = ask(server.base_url, chat("hello", stream=True)).events
    deltas = [event["choices"][0]["delta"].get("content") for event in events]
    assert deltas == ["", "good", " morning,", " all", None]
    response = ask(server.base_url, {"model": "echo", "input": "hello"}, path="/responses").json
    assert response["output"][0]["content"][0]["text"] == "good morning, all"
    text = ask(server.base_url, {"model": "echo", "prompt": "hello"}, path="/completions").json
    assert text["choices"][0]["text"] == "good morning, all"


def test_stubs_are_met_by_what_the_user_said_last_by_model_and_by_predicate(serve: Serve) -> None:
    server = serve(aliases={"gpt-5": "echo", "gpt-5-mini": "echo"})
    server.stub("a number", user=re.compile(r"\b\d+\b"))
    server.stub("a mini", model="gpt-5-mini")
    server.stub("cold", when=lambda request: len(request.user_text) > 20)
    server.stub("a word", user="word", model="echo")  # the model that all these stand for
    asked = [("room 101", "gpt-5"), ("x", "gpt-5-mini"), ("word", "gpt-5"), ("a" * 21, "gpt-5")]
    answers = [said(server, text, model=model)["content"] for text, model in asked]
    assert answers == ["a number", "a mini", "a word", "cold"]
    assert said(server, "nothing", model="gpt-5")["content"] == "nothing"


def test_of_several_that_fit_the_first_answers_until_it_is_used_up(serve: Serve) -> None:
    server = serve()
    server.stub("once", times=1)
    server.stub(["first", Reply("second")])
    server.stub("always")
    answers = [said(server, "x")["content"] for _ in range(5)]
    assert answers == ["once", "first", "second", "always", "always"]


def test_a_function_answers_from_the_request_or_leaves_it_to_others(serve: Serve) -> None:
    server = serve()
    server.stub(lambda request: request.user_text.upper() if "up" in request.user_text else None)
    assert said(server, "up")["content"] == "UP"
    assert said(server, "down")["content"] == "down"


def test_equal_requests_with_different_answers_have_different_ids(serve: Serve) -> None:
    server = serve()
    server.stub(["first", "second"])
    server.stub("first")
    ids = [ask(server.base_url, chat("x")).json["id"] for _ in range(3)]
    assert ids[0] != ids[1]
    assert ids[0] == ids[2]


def test_calls_refusals_reasoning_usage_and_finish_reasons_are_told(serve: Serve) -> None:
    server = serve(reasoning_content=True)
    server.stub(
        Reply(
            calls=[("get_weather", {"city": "Paris"})],
            reasoning="where is it?",
            usage=Usage(7, 5, reasoning_tokens=3),
        ),
        user="weather",
    )
    server.stub(Reply("It was", finish_reason="length"), user="story")
    told = ask(server.base_url, chat("weather?", tools=[WEATHER])).json
    message = told["choices"][0]["message"]
    assert message["tool_calls"][0]["function"] == {
        "name": "get_weather",
        "arguments": '{"city":"Paris"}',
    }
    assert message["reasoning_content"] == "where is it?"
    assert told["choices"][0]["finish_reason"] == "tool_calls"
    assert (told["usage"]["prompt_tokens"], told["usage"]["completion_tokens"]) == (7, 5)
    cut = ask(server.base_url, chat("a story")).json["choices"][0]
    assert (cut["finish_reason"], cut["message"]["content"]) == ("length", "It was")


class Person(BaseModel):
    name: str
    age: int


def test_data_is_said_as_json_that_matches_the_requests_format() -> None:
    schema = json_text(Person.model_json_schema())
    request = request_for(response_format=JsonFormat(schema))
    assert result(Reply(data=Person(name="Ann", age=31)), request).text == '{"name":"Ann","age":31}'
    assert result(Reply(data={"name": "Bo", "age": 1}), request).text == '{"name":"Bo","age":1}'
    with pytest.raises(StubError, match=r"format: age: 'old' is not of type 'integer'"):
        result(Reply(data={"name": "Ann", "age": "old"}), request)
    with pytest.raises(StubError, match="format: it is not JSON"):
        result("Ann is 31", request)
    for free in (Reply("I won't", refusal="no"), Reply('{"na', finish_reason="length")):
        assert result(free, request).text == free.text
    assert result(Reply("Ann is 31", valid=False), request).text == "Ann is 31"


@pytest.mark.parametrize("tool", [WEATHER, {"type": "function", **WEATHER["function"]}], ids=str)
def test_a_call_that_does_not_match_the_tools_schema_fails_when_it_is_written(
    serve: Serve, tool: dict[str, Any]
) -> None:
    server = serve()
    with pytest.raises(StubError, match=r"'get_weather' .*schema: city: 3 is not of type 'string'"):
        server.stub(Reply(calls=[("get_weather", {"city": 3})]), tools=[tool])
    with pytest.raises(StubError, match=r"calls 'get_wether', which is no tool .*: get_weather"):
        server.stub([Reply("hm"), Reply(calls=[("get_wether", {})])], tools=[tool])
    with pytest.raises(StubError, match="it is not JSON"):
        server.stub(Reply(calls=[("get_weather", '{"city":')]), tools=[tool])
    with pytest.raises(StubError, match="no definition of a function tool"):
        server.stub("hi", tools=[{"type": "web_search"}])
    server.stub(Reply(calls=[("get_weather", '{"city":')], valid=False), tools=[tool])
    told = said(server, "weather?", tools=[WEATHER])
    assert told["tool_calls"][0]["function"]["arguments"] == '{"city":'


def test_a_call_that_the_request_does_not_offer_is_told_to_client_and_test(serve: Serve) -> None:
    server = serve()
    server.stub(Reply(calls=[("get_weather", {"city": 3})]))
    for tools, complaint in (([], "no tool here"), ([WEATHER], "3 is not of type 'string'")):
        reply = ask(server.base_url, chat("weather?", **({"tools": tools} if tools else {})))
        assert (reply.status, reply.error["code"]) == (400, "stub_error")
        assert complaint in reply.error["message"]
        with pytest.raises(CheckError, match=complaint):
            server.check()


def test_what_a_tests_function_raises_is_told_to_client_and_test(serve: Serve) -> None:
    server = serve()
    server.stub(lambda request: 1 / 0)  # type: ignore[arg-type, return-value]
    reply = ask(server.base_url, chat("x"))
    assert reply.status == 400
    assert "the stub for any request raised ZeroDivisionError" in reply.error["message"]
    with pytest.raises(CheckError, match="ZeroDivisionError"):
        server.check()


def test_a_test_may_fail_in_a_stubs_function(serve: Serve) -> None:
    server = serve()
    server.stub(lambda request: pytest.fail("not this request"))
    assert ask(server.base_url, chat("x")).status == 400
    with pytest.raises(CheckError, match="not this request"):
        server.check()


@pytest.mark.parametrize("schema", [{"pattern": r"^\p{L}+$"}, {"pattern": "(?<n>b)"}])
def test_a_schema_that_can_not_be_checked_is_told(serve: Serve, schema: Any) -> None:
    server = serve()
    parameters = {"type": "object", "properties": {"city": {"type": "string", **schema}}}
    tool = {"type": "function", "function": {"name": "get_weather", "parameters": parameters}}
    with pytest.raises(StubError, match="its schema can't be checked"):
        server.stub(Reply(calls=[("get_weather", {"city": "b"})]), tools=[tool])


def test_a_stub_that_no_request_met_fails_the_check_once(serve: Serve) -> None:
    server = serve()
    server.stub("hi", user="hello", model="echo")
    server.stub("hi", user="hello", optional=True)
    with pytest.raises(CheckError, match="one stub came to nothing") as caught:
        server.check()
    assert "No request met the stub for user 'hello', model 'echo'." in str(caught.value)
    server.check()
    server.stub("hi")
    said(server, "x")
    server.check()


def test_what_came_instead_of_a_stubs_request_is_told(serve: Serve) -> None:
    server = serve()
    server.stub("hi", user="Lomdon")
    ask(server.base_url, chat("London"))
    with pytest.raises(CheckError, match=r"user: 'Lomdon' → 'London'"):
        server.check()


def test_a_stub_that_a_fault_kept_from_answering_was_met(serve: Serve) -> None:
    server = serve()
    server.stub("hi")
    server.fault(faults.Status(401))
    assert ask_anyhow(server) == 401
    server.check()


def ask_anyhow(server: FakeLLMServer) -> int:
    """The status of an answer to anything, be it an error that a client may ask again."""
    url = f"{server.base_url}/chat/completions"
    body = json.dumps(chat("x")).encode()
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)
    with caught.value as error:
        return error.code


def test_a_miss_says_which_stubs_did_not_fit(serve: Serve, tmp_path: Path) -> None:
    server = serve(cache=tmp_path / "cassettes", mode="replay")
    server.stub("hi", user="weather")
    server.stub(["hi"], user="Wheather")
    said(server, "Wheather")
    message = ask(server.base_url, chat("Wheather")).error["message"]
    stubs = "the stub for user 'weather'; the stub for user 'Wheather' is used up"
    assert f"No stub fits: {stubs}." in message
    server.reset()


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (lambda: Reply(calls=("f", {"a": 1})), "pairs of a name and arguments, not 'f'"),  # type: ignore[arg-type]
        (lambda: Reply(calls=[("", {})]), "pairs of a name"),
        (lambda: Reply(calls=[("f", {"a": object()})]), "arguments can't be said as JSON"),
        (lambda: Reply(data={1, 2}), "data can't be said as JSON"),
        (lambda: Reply(data="\ud800"), "data can't be sent"),
        (lambda: Reply("\ud800"), "text can't be sent"),
        (lambda: Reply("x", usage={"prompt": 3}), "usage is counts of tokens"),
        (lambda: Reply("x", finish_reason="lenght"), "one of stop, length, content_filter"),  # type: ignore[arg-type]
        (lambda: Reply("x", data=1), "`text` or `data`, not both"),
        (lambda: Reply(3), "text is a text, not 3"),  # type: ignore[arg-type]
        (lambda: Reply(vector=["a"]), "numbers of 32 bits"),  # type: ignore[list-item]
        (lambda: Reply(vector=[1e39]), "numbers of 32 bits"),
        (lambda: Reply(vector=[float("nan")]), "one finite number at least"),
        (lambda: Reply(vector=[]), "one finite number at least"),
    ],
)
def test_what_can_not_be_said_is_refused_when_it_is_written(
    wrong: Callable[[], Reply], complaint: str
) -> None:
    with pytest.raises(StubError, match=complaint):
        wrong()


def test_calls_and_usage_may_be_written_as_openai_has_them() -> None:
    reply = Reply(calls=[{"name": "f", "arguments": '{"a":1}'}], usage={"prompt_tokens": 3})
    told = result(reply, request_for(tools=(Tool("f"),)))
    assert (told.tool_calls[0].arguments, told.prompt_tokens) == ('{"a":1}', 3)


def test_a_vector_answers_an_embedding_and_nothing_else(serve: Serve) -> None:
    server = serve()
    server.stub(Reply(vector=[0.5, 0.75]), user="near")
    server.stub("text")
    body = {"model": "echo", "input": ["near", "far"], "encoding_format": "float"}
    reply = ask(server.base_url, body, path="/embeddings").json
    assert reply["data"][0]["embedding"] == [0.5, 0.75]
    assert len(reply["data"][1]["embedding"]) == 8  # the engine's
    assert said(server, "near")["content"] == "text"
    for answer, request in (("text", EmbeddingRequest(model="echo", input="x")),):
        assert result(answer, request) is None
        with pytest.raises(StubError, match="Only a `vector`"):
            result(lambda _: "text", request)
    with pytest.raises(StubError, match="no answer to a request for text"):
        result(lambda _: Reply(vector=[1.0]), request_for())


def test_counting_a_prompts_tokens_is_left_to_the_model(serve: Serve) -> None:
    server = serve()
    server.stub("hi", optional=True)
    body = {"model": "echo", "input": "hello"}
    counted = ask(server.base_url, body, path="/responses/input_tokens").json
    assert counted["input_tokens"] == 1


def test_what_can_not_be_a_stub_is_refused(serve: Serve) -> None:
    server = serve()
    with pytest.raises(StubError, match="leave `times` away"):
        server.stub(["a", "b"], times=3)
    with pytest.raises(StubError, match="one answer at least"):
        server.stub([])
    with pytest.raises(StubError, match="not with 3"):
        server.stub(3)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="times=0 would never"):
        server.stub("a", times=0)
    with pytest.raises(ConfigurationError, match=r"No client can ask for 'gpt-6': .* 'echo'"):
        server.stub("a", model="gpt-6")


def test_a_reset_server_counts_seeds_and_responses_anew(serve: Serve, tmp_path: Path) -> None:
    server = serve(cache=tmp_path / "cassettes")
    texts, found = [], []
    for _ in range(2):
        told = ask(server.base_url, {"model": "echo", "input": "x"}, path="/responses").json
        texts.append(said(server, "dice", temperature=1)["content"])
        server.reset()
        path = f"/responses/{told['id']}"
        found.append(ask(server.base_url, b"", method="GET", path=path).status)
    assert texts == ["dice 0", "dice 0"]
    assert found == [404, 404]


def test_a_reset_server_stops_what_is_under_way(serve: Serve, echo: EchoEngine) -> None:
    server = serve()
    echo.hold()
    asking = threading.Thread(target=ask, args=(server.base_url, chat("slowly")))
    asking.start()
    assert echo.started.wait(30)
    server.reset()
    asking.join(30)
    echo.allow()
    server.check()
    assert not server.calls


def test_a_reset_server_has_forgotten_what_a_test_asked_of_it(serve: Serve) -> None:
    server = serve()
    server.stub("hi", user="never")
    ask(server.base_url, chat("fail"))
    server.reset()
    server.check()
    assert not server.calls
    assert said(server, "never")["content"] == "never"


@given(text=st.text(), reasoning=st.text(), refusal=st.text())
def test_whatever_is_said_is_told_whole(text: str, reasoning: str, refusal: str) -> None:
    told = result(Reply(text, reasoning=reasoning, refusal=refusal), request_for())
    assert isinstance(told, GenerationResult)
    assert (told.text, told.reasoning, told.refusal) == (text, reasoning, refusal)


@given(st.dictionaries(st.text(), st.integers() | st.text()))
def test_arguments_are_told_as_they_were_given(arguments: dict[str, Any]) -> None:
    request = request_for(tools=(Tool("f"),))
    [call] = result(Reply(calls=[("f", arguments)]), request).tool_calls
    assert (call.name, call.arguments) == ("f", json_text(arguments))


def test_headers_tell_that_a_stub_answered(serve: Serve) -> None:
    server = serve()
    server.stub("hi")
    reply: Http = ask(server.base_url, chat("x"))
    assert reply.headers["x-slmtape-stub"] == "true"
    assert "x-slmtape-key" not in reply.headers
