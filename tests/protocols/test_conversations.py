"""Conversations, through the real client."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from openai import APIStatusError, BadRequestError, NotFoundError, OpenAI

from slmtape import FakeLLMServer
from tests.protocols.test_responses_background import wait_for
from tests.protocols.test_responses_state import F, said
from tests.support import EchoEngine, ask


@pytest.fixture
def server(serve: Callable[..., FakeLLMServer]) -> FakeLLMServer:
    return serve()


@pytest.fixture
def client(server: FakeLLMServer) -> Iterator[OpenAI]:
    with OpenAI(**server.openai_client_args()) as client:
        yield client


def message(text: str, role: str = "user") -> Any:
    return {"type": "message", "role": role, "content": text}


def texts(client: OpenAI, name: str, **query: Any) -> list[str]:
    """What was said in a conversation."""
    items: Any = client.conversations.items.list(name, **query)
    return [item.content[0].text for item in items]


def test_a_conversation_is_made_told_changed_and_deleted(
    client: OpenAI, server: FakeLLMServer
) -> None:
    made = client.conversations.create(metadata={"a": "b"})
    assert (made.object, made.metadata) == ("conversation", {"a": "b"})
    assert made.id.startswith("conv_")
    assert client.conversations.retrieve(made.id) == made
    updated = client.conversations.update(made.id, metadata={"c": "d"})
    assert updated.metadata == {"c": "d"}
    assert client.conversations.retrieve(made.id) == updated
    assert client.conversations.update(made.id, metadata=None).metadata == {}
    deleted = client.conversations.delete(made.id)
    assert (deleted.id, deleted.object, deleted.deleted) == (made.id, "conversation.deleted", True)
    for do in (client.conversations.retrieve, client.conversations.delete):
        with pytest.raises(NotFoundError, match=f"Conversation with id '{made.id}' not found."):
            do(made.id)


def test_a_body_is_not_needed(server: FakeLLMServer) -> None:
    for body in (b"", b"{}", b'{"items": null, "metadata": null}'):
        assert ask(server.base_url, body, path="/conversations").json["metadata"] == {}


def test_conversations_have_the_same_ids_in_the_next_run(
    serve: Callable[..., FakeLLMServer],
) -> None:
    runs = []
    for _ in range(2):
        with OpenAI(**serve().openai_client_args()) as client:
            runs.append([client.conversations.create() for _ in range(2)])
    assert runs[0] == runs[1]
    assert runs[0][0].id != runs[0][1].id


def test_a_response_goes_on_from_its_conversation_and_adds_to_it(
    client: OpenAI, server: FakeLLMServer
) -> None:
    name = client.conversations.create(items=[message("Be kind.", "developer")]).id
    first = client.responses.create(model="echo", input="one", conversation=name)
    assert first.conversation is not None
    assert first.conversation.id == name
    client.responses.create(model="echo", input="two", conversation={"id": name}, store=False)
    assert said(server) == [
        ("system", "Be kind."),
        ("user", "one"),
        ("assistant", "one"),
        ("user", "two"),
    ]
    assert texts(client, name, order="asc") == ["Be kind.", "one", "one", "two", "two"]


def test_a_streamed_response_adds_to_its_conversation_once(client: OpenAI) -> None:
    name = client.conversations.create().id
    for background in (False, True):
        stream = client.responses.create(
            model="echo", input="x y", conversation=name, stream=True, background=background
        )
        assert list(stream)[-1].type == "response.completed"
    assert texts(client, name) == ["x y"] * 4


def test_an_item_that_two_responses_add_at_once_is_there_once(
    client: OpenAI, echo: EchoEngine
) -> None:
    name = client.conversations.create().id
    said: Any = [message("x") | {"id": "msg_1"}]
    echo.hold()
    begun = [
        client.responses.create(
            model="echo", input=said, conversation=name, background=True, user=user
        )
        for user in ("one", "other")
    ]
    echo.allow()
    assert [wait_for(client, response.id) for response in begun] == ["completed"] * 2
    ids = [item.id for item in client.conversations.items.list(name, limit=2)]
    assert len(ids) == len(set(ids)) == 3


def test_two_equal_responses_at_once_are_two_in_their_conversation(
    client: OpenAI, echo: EchoEngine
) -> None:
    name = client.conversations.create().id
    echo.hold()
    begun = [
        client.responses.create(
            model="echo", input="call f {}", tools=[F], conversation=name, background=True
        )
        for _ in range(2)
    ]
    echo.allow()
    assert [wait_for(client, response.id) for response in begun] == ["completed"] * 2
    items: Any = [item.to_dict() for item in client.conversations.items.list(name, order="asc")]
    assert len({item["id"] for item in items}) == len(items) == 4
    answers: Any = [
        {"type": "function_call_output", "call_id": item["call_id"], "output": "done"}
        for item in items
        if item["type"] == "function_call"
    ]
    client.responses.create(model="echo", input=answers, conversation=name)


def test_a_response_that_failed_adds_nothing(client: OpenAI) -> None:
    name = client.conversations.create().id
    with pytest.raises(APIStatusError):
        client.responses.create(model="echo", input="fail here", conversation=name)
    assert texts(client, name) == []


def test_a_conversation_that_is_deleted_while_it_goes_on_stays_deleted(
    client: OpenAI, echo: EchoEngine
) -> None:
    name = client.conversations.create().id
    echo.hold()
    begun = client.responses.create(model="echo", input="x", conversation=name, background=True)
    client.conversations.delete(name)
    echo.allow()
    while client.responses.retrieve(begun.id).status != "completed":
        pass
    with pytest.raises(NotFoundError):
        client.conversations.retrieve(name)


def test_items_are_added_told_and_deleted(client: OpenAI, server: FakeLLMServer) -> None:
    name = client.conversations.create().id
    added = client.conversations.items.create(name, items=[message("a"), message("b")])
    assert (added.first_id, added.last_id) == (added.data[0].id, added.data[1].id)
    client.conversations.items.create(name, items=[message("a")])
    assert texts(client, name) == ["a", "b", "a"]
    assert texts(client, name, order="asc", after=added.first_id) == ["b", "a"]
    first: Any = client.conversations.items.retrieve(added.first_id, conversation_id=name)
    assert first == added.data[0]
    assert client.conversations.items.delete(added.first_id, conversation_id=name).id == name
    assert texts(client, name) == ["a", "b"]
    with pytest.raises(NotFoundError, match="not found in conversation"):
        client.conversations.items.retrieve(added.first_id, conversation_id=name)
    client.responses.create(model="echo", input="c", conversation=name)
    assert said(server) == [("user", "b"), ("user", "a"), ("user", "c")]


def test_the_same_items_can_be_said_again_after_they_were_deleted(client: OpenAI) -> None:
    name = client.conversations.create().id
    for _ in range(2):
        client.responses.create(model="echo", input="x", conversation=name)
        assert texts(client, name) == ["x", "x"]
        for item in client.conversations.items.list(name):
            assert item.id
            client.conversations.items.delete(item.id, conversation_id=name)


def test_a_conversation_of_another_one_is_another(client: OpenAI) -> None:
    one, other = (client.conversations.create().id for _ in range(2))
    made = [client.responses.create(model="echo", input="x", conversation=n) for n in (one, other)]
    assert made[0].id != made[1].id
    assert texts(client, one) == texts(client, other) == ["x", "x"]


MISTAKES: list[tuple[str, Any, str, str | None]] = [
    ("", {"items": 5}, "items", "invalid_type"),
    ("", {"items": [5]}, "items[0]", "invalid_type"),
    ("", {"items": [{"role": "robot", "content": "x"}]}, "items[0]", "invalid_value"),
    ("", {"items": [message("x")] * 21}, "items", "array_above_max_length"),
    ("", {"metadata": {"a": 1}}, "metadata.a", "invalid_type"),
    ("", {"metadata": {str(i): "" for i in range(17)}}, "metadata", "object_above_max_properties"),
    ("", {"name": "x"}, "name", "unknown_parameter"),
    ("", {"items": [{"id": "msg_x"}]}, "items[0].id", None),
    ("/{id}", {}, "metadata", "missing_required_parameter"),
    ("/{id}", {"metadata": {"a" * 65: ""}}, "metadata", "property_name_above_max_length"),
    ("/{id}/items", {}, "items", "missing_required_parameter"),
    ("/{id}/items", {"items": []}, "items", "empty_array"),
    ("/{id}/items", {"items": [message("x") | {"id": "msg_1"}]}, "items", None),
    ("/{id}/items", {"items": [message("x") | {"id": "msg_2"}] * 2}, "items", None),
    ("", {"items": [message("x") | {"id": "msg_2"}] * 2}, "items", None),
]


@pytest.mark.parametrize(("path", "body", "param", "code"), MISTAKES)
def test_a_mistake_is_told(
    client: OpenAI, server: FakeLLMServer, path: str, body: Any, param: str, code: str | None
) -> None:
    name = client.conversations.create(items=[message("x") | {"id": "msg_1"}]).id
    reply = ask(server.base_url, body, path=f"/conversations{path.format(id=name)}")
    assert (reply.error["param"], reply.error["code"]) == (param, code)
    assert reply.status == (404 if param == "items[0].id" else 400)
    assert texts(client, name) == ["x"]


def test_what_is_there_already_is_not_added_twice(client: OpenAI) -> None:
    made = client.responses.create(model="echo", input="x")
    again: Any = [item.to_dict() for item in made.output]
    name = client.conversations.create(items=again).id
    with pytest.raises(BadRequestError, match="Duplicate item found"):
        client.conversations.items.create(name, items=again)
