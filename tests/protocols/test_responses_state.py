"""What a server remembers of responses, through the real client."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from openai import BadRequestError, NotFoundError, OpenAI
from pydantic import BaseModel

from slmtape import FakeLLMServer
from slmtape.call import Call
from slmtape.errors import ContextLengthExceeded
from slmtape.generation import GenerationRequest, GenerationResult, Message, Piece
from tests.support import EchoEngine, ask

F: Any = {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": False}


@pytest.fixture
def server(serve: Callable[..., FakeLLMServer]) -> FakeLLMServer:
    return serve()


@pytest.fixture
def client(server: FakeLLMServer) -> Iterator[OpenAI]:
    with OpenAI(**server.openai_client_args()) as client:
        yield client


def said(server: FakeLLMServer) -> list[tuple[str, str]]:
    """The messages that the last call asked the model to go on after."""
    call: Call = server.calls.last
    assert isinstance(call.request, GenerationRequest)
    return [(message.role, message.content) for message in call.request.messages]


def test_a_turn_goes_on_from_the_response_before(client: OpenAI, server: FakeLLMServer) -> None:
    first = client.responses.create(model="echo", input="one", instructions="Be kind.")
    second = client.responses.create(model="echo", input="two", previous_response_id=first.id)
    assert second.previous_response_id == first.id
    client.responses.create(
        model="echo", input="three", previous_response_id=second.id, instructions="Be brief."
    )
    assert said(server) == [
        ("system", "Be brief."),
        ("user", "one"),
        ("assistant", "one"),
        ("user", "two"),
        ("assistant", "two"),
        ("user", "three"),
    ]


def test_one_response_can_be_continued_twice(client: OpenAI, server: FakeLLMServer) -> None:
    first = client.responses.create(model="echo", input="one")
    for text in ("two", "three"):
        client.responses.create(model="echo", input=text, previous_response_id=first.id)
        assert said(server) == [("user", "one"), ("assistant", "one"), ("user", text)]


def test_a_calls_result_may_come_in_the_next_turn(client: OpenAI, server: FakeLLMServer) -> None:
    asked = client.responses.create(model="echo", input="sure\ncall f {}", tools=[F])
    called = asked.output[1]
    assert called.type == "function_call"
    with pytest.raises(BadRequestError, match="No tool output found for function call call_"):
        client.responses.create(model="echo", input="well?", previous_response_id=asked.id)
    client.responses.create(
        model="echo",
        tools=[F],
        previous_response_id=asked.id,
        input=[{"type": "function_call_output", "call_id": called.call_id, "output": "done"}],
    )
    assert said(server)[1:] == [("assistant", "sure"), ("tool", "done")]


def test_own_output_is_taken_back_as_it_is(client: OpenAI, server: FakeLLMServer) -> None:
    items: list[Any] = [{"role": "user", "content": "<hm> sure\ncall f {}"}]
    response = client.responses.create(
        model="echo",
        input=items,
        tools=[F],
        store=False,
        include=["reasoning.encrypted_content", "message.output_text.logprobs"],
    )
    called = response.output[-1]
    assert called.type == "function_call"
    result = {"type": "function_call_output", "call_id": called.call_id, "output": "done"}
    items += [*(item.to_dict() for item in response.output), result]
    client.responses.create(model="echo", input=items, tools=[F], store=False)
    assert said(server) == [
        ("user", "<hm> sure\ncall f {}"),
        ("assistant", "sure"),
        ("tool", "done"),
    ]


class City(BaseModel):
    """What is asked for."""

    name: str


def test_own_output_is_taken_back_as_the_client_library_dumps_it(
    client: OpenAI, server: FakeLLMServer
) -> None:
    text = '{"name":"Rome"}\ncall f {}'
    response = client.responses.parse(model="echo", input=text, tools=[F], text_format=City)
    assert response.output_parsed == City(name="Rome")
    called: Any = response.output[1]
    result = {"type": "function_call_output", "call_id": called.call_id, "output": "done"}
    items: Any = [*(item.model_dump() for item in response.output), result]
    made = client.responses.create(model="echo", input=items)
    assert said(server) == [("assistant", '{"name":"Rome"}'), ("tool", "done")]
    kept = client.responses.input_items.list(made.id, order="asc").data
    sent = client.responses.retrieve(response.id).output
    assert [item.to_dict() for item in kept[:2]] == [item.to_dict() for item in sent]


def test_what_the_server_has_already_is_not_sent_again(client: OpenAI) -> None:
    first = client.responses.create(model="echo", input="one")
    again: Any = [item.to_dict() for item in first.output]
    with pytest.raises(BadRequestError, match="Duplicate item found with id msg_"):
        client.responses.create(model="echo", input=again, previous_response_id=first.id)


def test_an_item_may_be_named_by_its_id(client: OpenAI, server: FakeLLMServer) -> None:
    first = client.responses.create(model="echo", input="one")
    name = first.output[0].id
    assert name
    reference: Any = {"type": "item_reference", "id": name}
    client.responses.create(model="echo", input=[reference, {"role": "user", "content": "two"}])
    assert said(server) == [("assistant", "one"), ("user", "two")]


def test_an_item_that_was_not_stored_has_to_be_sent(client: OpenAI) -> None:
    first = client.responses.create(model="echo", input="one", store=False)
    reference: Any = {"id": first.output[0].id}
    with pytest.raises(NotFoundError, match="Items are not persisted when `store` is set to false"):
        client.responses.create(model="echo", input=[reference])


def test_a_response_is_stored_until_it_is_deleted(client: OpenAI, server: FakeLLMServer) -> None:
    made = client.responses.create(model="echo", input="hi", metadata={"a": "b"})
    assert client.responses.retrieve(made.id) == made
    deleted = ask(server.base_url, b"", method="DELETE", path=f"/responses/{made.id}")
    assert deleted.json == {"id": made.id, "object": "response", "deleted": True}
    for do in (client.responses.retrieve, client.responses.delete, client.responses.cancel):
        with pytest.raises(NotFoundError, match=f"Response with id '{made.id}' not found."):
            do(made.id)
    with pytest.raises(NotFoundError, match=f"Response with id '{made.id}' not found."):
        client.responses.input_items.list(made.id)
    with pytest.raises(BadRequestError) as caught:
        client.responses.create(model="echo", input="hi", previous_response_id=made.id)
    assert caught.value.code == "previous_response_not_found"


def test_a_response_that_is_not_to_be_stored_is_not(client: OpenAI) -> None:
    made = client.responses.create(model="echo", input="hi", store=False)
    with pytest.raises(NotFoundError):
        client.responses.retrieve(made.id)


def test_a_streamed_response_is_stored_as_well(client: OpenAI) -> None:
    with client.responses.stream(model="echo", input="<hm> sure\ncall f {}", tools=[F]) as stream:
        final = stream.get_final_response()
    assert [item.type for item in final.output] == ["reasoning", "message", "function_call"]
    stored = client.responses.retrieve(final.id)
    assert stored.output_text == final.output_text == "sure"
    assert stored.usage == final.usage


def test_two_that_differ_in_their_metadata_are_two(client: OpenAI) -> None:
    one, other = (
        client.responses.create(model="echo", input="hi", metadata={"test": name})
        for name in ("one", "other")
    )
    assert client.responses.retrieve(one.id).metadata == {"test": "one"}
    assert client.responses.retrieve(other.id).metadata == {"test": "other"}


@pytest.mark.parametrize("more", [{}, {"stream": True}, {"background": True}], ids=str)
def test_equal_requests_get_responses_of_their_own(
    client: OpenAI, server: FakeLLMServer, more: dict[str, Any]
) -> None:
    body = {"model": "echo", "input": "hi", **more}
    replies = [ask(server.base_url, body, path="/responses").body for _ in range(3)]
    one, two, three = dict.fromkeys(re.findall('"id":"(resp_[^"]*)"', b"".join(replies).decode()))
    client.responses.delete(two)
    assert [client.responses.retrieve(name).id for name in (one, three)] == [one, three]
    with pytest.raises(NotFoundError):
        client.responses.retrieve(two)


def test_responses_that_differ_only_in_parts_are_two(client: OpenAI) -> None:
    parts: Any = [{"type": "input_text", "text": text} for text in ("a", "b")]
    joined: Any = [{"type": "input_text", "text": "a\nb"}]
    for content in (parts, joined):
        made = client.responses.create(
            model="echo", input=[{"role": "user", "content": content, "type": "message"}]
        )
        [asked] = client.responses.input_items.list(made.id).data
        assert asked.to_dict()["content"] == content


def test_ids_are_the_same_in_the_next_run(serve: Callable[..., FakeLLMServer]) -> None:
    runs = []
    for _ in range(2):
        with OpenAI(**serve().openai_client_args()) as client:
            runs.append([chain(client) for _ in range(2)])
    assert runs[0] == runs[1]
    assert len({name for names in runs[0] for name in names}) == 8


def chain(client: OpenAI) -> list[str]:
    """The ids of two turns, and of what they said."""
    one = client.responses.create(model="echo", input="hi")
    two = client.responses.create(model="echo", input="hi", previous_response_id=one.id)
    return [one.id, two.id, str(one.output[0].id), str(two.output[0].id)]


def test_input_items_are_told_page_by_page(client: OpenAI) -> None:
    first = client.responses.create(
        model="echo",
        input=[
            {"role": "developer", "content": "a"},
            {"role": "assistant", "content": "b"},
            {"role": "user", "content": [{"type": "input_text", "text": "c"}], "type": "message"},
        ],
    )
    made = client.responses.create(model="echo", input="d", previous_response_id=first.id)
    newest = client.responses.input_items.list(made.id, limit=2)
    texts = [item.to_dict()["content"][0]["text"] for item in newest]  # type: ignore[index]
    assert texts == ["d", "c", "c", "b", "a"]
    assert newest.has_more
    oldest = client.responses.input_items.list(made.id, order="asc")
    assert not oldest.has_more
    assert len({item.id for item in oldest.data}) == 5
    message: Any = oldest.data[0].to_dict()
    assert message.pop("id").startswith("msg_")
    assert message == {
        "type": "message",
        "role": "developer",
        "status": "completed",
        "content": [{"type": "input_text", "text": "a"}],
    }


@pytest.mark.parametrize(
    ("query", "param", "code"),
    [
        ("limit=0", "limit", "integer_below_min_value"),
        ("limit=101", "limit", "integer_above_max_value"),
        ("limit=many", "limit", "invalid_type"),
        ("order=up", "order", "invalid_value"),
        ("after=msg_x", "after", "invalid_value"),
        ("before=msg_x", "before", "unknown_parameter"),
    ],
)
def test_a_page_that_is_none_is_refused(
    client: OpenAI, server: FakeLLMServer, query: str, param: str, code: str
) -> None:
    made = client.responses.create(model="echo", input="hi")
    path = f"/responses/{made.id}/input_items?{query}"
    reply = ask(server.base_url, b"", method="GET", path=path)
    assert (reply.status, reply.error["param"], reply.error["code"]) == (400, param, code)


def test_a_stored_response_is_not_streamed(client: OpenAI) -> None:
    made = client.responses.create(model="echo", input="hi")
    with pytest.raises(BadRequestError, match="can't be streamed"):
        client.responses.retrieve(made.id, stream=True)


def test_a_stored_response_is_asked_for_with_known_parameters(
    client: OpenAI, server: FakeLLMServer
) -> None:
    made = client.responses.create(model="echo", input="hi")
    asked: Any = {"include": ["message.output_text.logprobs"], "stream": False}
    assert client.responses.retrieve(made.id, **asked) == made
    reply = ask(server.base_url, b"", method="GET", path=f"/responses/{made.id}?color=red")
    assert (reply.error["param"], reply.error["code"]) == ("color", "unknown_parameter")


def test_prompts_are_counted(client: OpenAI) -> None:
    first = client.responses.create(model="echo", input="one")
    counted = client.responses.input_tokens.count(
        model="echo", input="two", previous_response_id=first.id, instructions="Be brief."
    )
    assert (counted.object, counted.input_tokens) == ("response.input_tokens", 4)


def test_a_stop_at_the_limit_is_incomplete(client: OpenAI) -> None:
    response = client.responses.create(model="echo", input="x " * 20, max_output_tokens=16)
    assert response.status == "incomplete"
    assert response.incomplete_details
    assert response.incomplete_details.reason == "max_output_tokens"


class NarrowEngine(EchoEngine):
    """Takes in nothing."""

    def generate(
        self, request: GenerationRequest, say: Callable[[Piece], None]
    ) -> GenerationResult:
        raise ContextLengthExceeded(limit=2, tokens=3)


@pytest.mark.parametrize(
    ("path", "more"),
    [("/responses", {}), ("/responses", {"stream": True}), ("/responses/input_tokens", {})],
    ids=["plain", "streamed", "counted"],
)
def test_a_prompt_that_is_too_long_is_told_in_the_words_of_this_api(
    server: FakeLLMServer, monkeypatch: pytest.MonkeyPatch, path: str, more: dict[str, Any]
) -> None:
    monkeypatch.setattr("tests.support.make_echo", lambda *_, **__: NarrowEngine())
    reply = ask(server.base_url, {"model": "echo", "input": "hi", **more}, path=path)
    assert (reply.status, reply.error["param"]) == (400, "input")
    assert reply.error["code"] == "context_length_exceeded"
    assert "exceeds the context window of this model" in reply.error["message"]


def test_a_server_remembers_nothing_of_another(
    client: OpenAI, serve: Callable[..., FakeLLMServer]
) -> None:
    made = client.responses.create(model="echo", input="hi")
    with OpenAI(**serve().openai_client_args()) as other, pytest.raises(NotFoundError):
        other.responses.retrieve(made.id)


def test_messages_are_the_same_type_as_chats(client: OpenAI, server: FakeLLMServer) -> None:
    client.responses.create(model="echo", input="hi")
    assert server.calls.last.request == GenerationRequest(
        model="echo", messages=(Message("user", "hi"),)
    )
