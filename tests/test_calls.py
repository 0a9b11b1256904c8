"""What a server was asked, and what tests assert of it."""

import json
import re
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmtape import FakeLLMServer, Reply, faults
from slmtape.call import Call
from slmtape.calls import Calls
from slmtape.errors import RequestError
from slmtape.generation import EmbeddingRequest, Message, Tool
from slmtape.matching import Matcher
from tests.support import ask, chat, request_for

Serve = Callable[..., FakeLLMServer]
WEATHER: Any = {"type": "function", "function": {"name": "weather"}}


def call(text: str, model: str = "gpt-5", **fields: Any) -> Call:
    """A call with one message."""
    path = fields.pop("path", "/v1/chat/completions")
    return Call(path, 0.0, requests=(request_for(text, **fields),), model=model)


THREE = Calls([call("first"), call("second", model="gpt-4o"), call("third", tools=(Tool("f"),))])


def complaint(assertion: Callable[[], None]) -> str:
    """What an assertion says that fails."""
    with pytest.raises(AssertionError) as caught:
        assertion()
    return str(caught.value)


def test_a_call_tells_what_was_asked_and_answered(serve: Serve) -> None:
    server = serve(aliases={"gpt-5": "echo"})
    server.stub(Reply("so so", calls=[("weather", {})]), user="now")
    result = {"role": "tool", "tool_call_id": "x", "content": "sunny"}
    called = {"id": "x", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    asked = {"role": "assistant", "content": None, "tool_calls": [called]}
    messages = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "now"}]
    body = {"model": "gpt-5", "messages": [*messages, asked, result], "tools": [WEATHER]}
    ask(server.base_url, body)
    last = server.calls.last
    assert (last.model, last.source, last.user_text) == ("gpt-5", "stub", "now")
    assert [message.role for message in last.messages] == ["system", "user", "assistant", "tool"]
    assert last.messages[0] == Message("system", "be brief")
    assert [tool.name for tool in last.tools] == ["weather"]
    assert last.tool_results == (("weather", "sunny"),)
    assert [call.name for call in last.tool_calls] == ["weather"]
    assert (last.text, last.refusal) == ("so so", None)


def test_a_call_that_made_no_sense_has_nothing_of_it(serve: Serve) -> None:
    server = serve()
    ask(server.base_url, {"model": "echo"})
    last = server.calls.last
    assert (last.user_text, last.messages, last.tools, last.tool_results) == ("", (), (), ())
    assert (last.text, last.tool_calls, last.refusal) == (None, (), None)
    assert isinstance(last.error, RequestError)


def test_calls_as_values_are_the_same_in_every_run(serve: Serve) -> None:
    told = []
    for _ in range(2):
        server = serve()
        server.fault(faults.Status(429, retry_after=1), user="wait")
        ask(server.base_url, chat("hello", tools=[WEATHER]))
        ask(server.base_url, chat("wait"))
        body = {"model": "echo", "input": "near"}
        ask(server.base_url, body, path="/embeddings")
        told.append(json.dumps(server.calls.as_dict()))
    assert told[0] == told[1]
    hello, wait, near = json.loads(told[0])
    assert hello["requests"][0]["messages"] == [{"role": "user", "content": "hello"}]
    assert hello["results"][0]["text"] == "hello"
    assert (hello["answered_by"], hello["error"], hello["fault"]) == ("model", None, None)
    assert wait["fault"]["kind"] == "status"
    assert wait["fault"]["status"] == 429
    assert wait["error"]["code"] == "rate_limit_exceeded"
    assert near["results"] == [{"dimensions": 8, "usage": {"prompt_tokens": 1}}]


def test_calls_are_filtered_by_what_was_asked() -> None:
    assert [one.user_text for one in THREE.filter(user="ir")] == ["first", "third"]
    assert [one.user_text for one in THREE.filter(model="gpt-4o")] == ["second"]
    assert [one.user_text for one in THREE.filter(user=re.compile("^s"))] == ["second"]
    assert len(THREE.filter(path="/v1/responses")) == 0
    assert len(THREE.filter(when=lambda request: "d" in request.user_text)) == 2
    assert len(THREE.filter(model="echo")) == 3  # what all these names stand for


def test_what_was_asked_is_asserted() -> None:
    THREE.assert_called()
    THREE.assert_called(user="first", times=1)
    THREE.assert_called(tools=["f"], times=1)
    THREE.assert_called(user="zeroth", times=0)
    THREE.assert_not_called(user="zeroth")
    THREE.assert_order("first", "third")
    THREE.assert_order("first", re.compile("sec"), Matcher(model="gpt-5"))
    THREE.assert_only("first", "second", "third")


def test_a_call_that_did_not_come_is_told_beside_those_that_did() -> None:
    assert (
        complaint(lambda: THREE.assert_called(user="secund", model="gpt-4o"))
        == """\
Expected a call (user 'secund', model 'gpt-4o'), but none came.

These came:
  1. gpt-5 'first' → under way
  2. gpt-4o 'second' → under way
  3. gpt-5 'third' → under way

Call 2 is the nearest. It differs (expected → came):
  user: 'secund' → 'second'"""
    )


def test_everything_that_differs_from_the_nearest_is_told() -> None:
    calls = Calls([call("hello", tools=(Tool("f"),))])
    told = complaint(
        lambda: calls.assert_called(
            user=re.compile("^bye"), model="gpt-4o", path="/v1/responses", tools=["f", "g"]
        )
    )
    assert told.splitlines()[-4:] == [
        "  path: /v1/responses → /v1/chat/completions",
        "  tools: g → f",
        "  user: matching '^bye' → 'hello'",
        "  model: 'gpt-4o' → 'gpt-5'",
    ]


def test_a_call_that_should_not_have_come_is_marked() -> None:
    assert (
        complaint(lambda: THREE.assert_not_called(user="second"))
        == """\
Expected no call (user 'second'), but 1 came.

These came:
  1. gpt-5 'first' → under way
> 2. gpt-4o 'second' → under way
  3. gpt-5 'third' → under way"""
    )
    assert "Expected 2 calls (any call), but 3 came." in complaint(
        lambda: THREE.assert_called(times=2)
    )


def test_where_no_call_came_that_is_what_is_told() -> None:
    assert complaint(Calls().assert_called) == (
        "Expected a call (any call), but none came.\nNo call came at all."
    )


def test_another_order_is_told_side_by_side() -> None:
    assert (
        complaint(lambda: THREE.assert_order("second", "first"))
        == """\
Expected these calls in this order; other calls came.

  expected                              came
> user 'second' (missing)
  user 'first'                          1. gpt-5 'first' → under way
                                        2. gpt-4o 'second' → under way
                                        3. gpt-5 'third' → under way

user 'second': call 2 is one, but not in this order."""
    )


def test_one_missing_call_leaves_the_others_in_their_places() -> None:
    assert (
        complaint(lambda: THREE.assert_only("zeroth", "first", Matcher("third", model="gpt-5")))
        == """\
Expected exactly these calls; other calls came.

  expected                              came
> user 'zeroth' (missing)
  user 'first'                          1. gpt-5 'first' → under way
>                                       2. gpt-4o 'second' → under way
  user 'third', model 'gpt-5'           3. gpt-5 'third' → under way

user 'zeroth': call 1 is the nearest. It differs (expected → came):
  user: 'zeroth' → 'first'"""
    )


@given(st.lists(st.sampled_from("abc"), max_size=6), st.lists(st.sampled_from("abc"), max_size=6))
def test_an_order_is_met_exactly_where_it_is_within_what_came(
    expected: list[str], came: list[str]
) -> None:
    rest = iter(came)
    within = all(one in rest for one in expected)
    calls = Calls(map(call, came))
    for assertion, met in ((calls.assert_order, within), (calls.assert_only, expected == came)):
        if met:
            assertion(*expected)
            continue
        told = complaint(partial(assertion, *expected)).splitlines()
        rows = [line for line in told if line.startswith((">", "  ")) and "→ under way" in line]
        assert len(rows) == len(came)
        assert any(line.startswith(">") for line in told)


def test_what_calls_were_answered_with_is_told(serve: Serve) -> None:
    server = serve()
    server.stub(Reply(calls=[("weather", {"city": "Paris"})]), user="tool")
    server.stub(Reply(refusal="No."), user="refuse")
    server.fault(faults.Status(429), user="wait")
    for text in ("tool", "refuse", "wait", "hello"):
        ask(server.base_url, chat(text, tools=[WEATHER]))
    ask(server.base_url, {"model": "echo", "input": "near"}, path="/embeddings")
    assert complaint(server.calls.assert_not_called).splitlines()[-5:] == [
        '> 1. echo \'tool\' → weather({"city":"Paris"})',
        "> 2. echo 'refuse' → 'No.'",
        "> 3. echo 'wait' → error rate_limit_exceeded",
        "> 4. echo 'hello' → 'hello'",
        "> 5. echo 'near' → model",
    ]


def test_of_many_calls_those_about_the_place_are_told() -> None:
    many = Calls(call(f"number {number}.") for number in range(500))
    told = complaint(lambda: many.assert_not_called(user="number 250."))
    assert "> 251. gpt-5 'number 250.'" in told
    assert "… 238 before" in told
    assert "… 238 after" in told
    assert len(told.splitlines()) < 30
    assert "Call 251 is the nearest" in complaint(lambda: many.assert_called(user="mumber 250."))


def test_a_long_text_is_told_from_where_it_is_like_what_was_expected() -> None:
    long = "It is said. " * 300 + "What is the weather in Paris?"
    told = complaint(lambda: Calls([call(long)]).assert_called(user="the wether in Paris"))
    assert "→ …" in told.splitlines()[-1]
    assert "the weather in Paris" in told.splitlines()[-1]


def test_a_part_of_the_calls_is_asserted_alike() -> None:
    THREE[1:].assert_only("second", "third")
    assert THREE[0] is next(iter(THREE))


@pytest.mark.parametrize(
    "expected", [("first",), ("first", "third"), ("first", "second", "x", "y")]
)
def test_other_calls_than_exactly_these_are_told(expected: tuple[str, ...]) -> None:
    told = complaint(lambda: THREE.assert_only(*expected))
    assert told.startswith("Expected exactly these calls; other calls came.")
    assert "3. gpt-5 'third'" in told
    assert all(f"user '{text}'" in told for text in expected)
    assert max(map(len, told.splitlines())) <= 100


@given(st.lists(st.text(min_size=1, max_size=200), min_size=1, max_size=5))
def test_complaints_are_readable_whatever_was_said(texts: list[str]) -> None:
    calls = Calls(call(text) for text in texts)
    for told in (
        complaint(lambda: calls.assert_called(user="\0never")),
        complaint(lambda: calls.assert_only(*texts, "more")),
    ):
        assert max(map(len, told.splitlines())) <= 160
        assert "Expected" in told


def test_an_error_and_a_request_without_messages_are_told() -> None:
    broken = Call("/v1/embeddings", 0.0, error=RequestError("no input", code="missing"))
    vector = Call("/v1/embeddings", 0.0, requests=(EmbeddingRequest(model="e", input="near"),))
    told = complaint(lambda: Calls([broken, vector]).assert_called(user="far"))
    assert "1. ? /v1/embeddings → error missing" in told
    assert "2. ? 'near' → under way" in told
    alone = complaint(lambda: Calls([broken]).assert_called(user="far"))
    assert "the request makes no sense: no input" in alone


def test_what_a_predicate_raises_is_seen() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        THREE.filter(when=lambda request: bool(1 / 0))
    assert "'first'" in caught.value.__notes__[0]


def test_calls_may_come_while_they_are_looked_at() -> None:
    calls = Calls()

    def add() -> None:
        for _ in range(2000):
            calls.add(call("x"))

    adding = threading.Thread(target=add)
    adding.start()
    while adding.is_alive():
        assert len(calls.filter(user="x")) <= 2000
        assert len(list(calls)) <= len(calls)
    assert len(calls.filter(user="x")) == 2000
