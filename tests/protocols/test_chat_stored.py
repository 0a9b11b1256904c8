"""Chat completions that were asked for with `store`."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from slmtape import FakeLLMServer
from slmtape.errors import EngineError, RequestError
from slmtape.generation import GenerationResult, Piece
from slmtape.protocols import Incoming
from slmtape.protocols.openai import chat_stored
from slmtape.protocols.openai.memory import Memory
from tests.protocols.calls import SERVED, call
from tests.support import ask, chat

RESULT = GenerationResult(
    pieces=(Piece("yes"),), finish_reason="stop", prompt_tokens=1, completion_tokens=1
)


def store(memory: Memory, key: str, **options: Any) -> Any:
    """Have this answer stored; the answer as it was told."""
    parsed = call(chat("hi", **{"store": True, **options}), memory=memory)
    parsed.keep([key], [RESULT])
    return json.loads(parsed.render([key], [RESULT]))


def incoming(
    memory: Memory,
    where: str = "",
    *,
    query: Mapping[str, str] | None = None,
    body: Any = None,
) -> Incoming:
    raw = json.dumps(body).encode()
    return Incoming(SERVED, raw, "application/json", {"id": where}, query or {}, memory)


def listed(memory: Memory, **query: str) -> list[str]:
    return [item["id"] for item in chat_stored.listing(incoming(memory, query=query))["data"]]


@pytest.fixture
def memory() -> Memory:
    return Memory()


def test_what_is_stored_is_what_was_answered(memory: Memory) -> None:
    answer = store(memory, "a" * 16, metadata={"run": "1"})
    assert answer["metadata"] == {"run": "1"}
    assert chat_stored.one(incoming(memory, answer["id"])) == answer


@pytest.mark.parametrize("options", [{"store": False}, {"store": None}])
def test_nothing_is_stored_unless_it_is_asked_for(memory: Memory, options: Any) -> None:
    assert "metadata" not in store(memory, "a" * 16, metadata={"a": "1"}, **options)
    assert listed(memory) == []


def test_an_error_is_not_stored(memory: Memory) -> None:
    call(chat("hi", store=True), memory=memory).keep(["a" * 16], EngineError("no"))
    assert listed(memory) == []


def test_stored_completions_are_listed_in_the_order_in_which_they_came(memory: Memory) -> None:
    ids = [store(memory, letter * 16)["id"] for letter in "cab"]
    assert listed(memory) == ids
    assert listed(memory, order="desc", limit="2") == ids[:0:-1]
    assert listed(memory, after=ids[0]) == ids[1:]


def test_each_that_is_asked_for_is_stored_on_its_own(memory: Memory) -> None:
    asked: list[dict[str, Any]] = [
        {},
        {},
        {"metadata": {"a": "1", "b": "2"}},
        {"metadata": {"b": "2", "a": "1"}},
        {"model": "gpt-4o-mini"},
        {"model": "gpt-4o-mini", "metadata": {"a": "1"}},
    ]
    answers = [store(memory, "a" * 16, **options) for options in asked]
    ids = [answer["id"] for answer in answers]
    assert len(set(ids)) == len(asked)
    assert listed(memory) == ids
    assert len({answer["created"] for answer in answers}) == 1
    again = Memory()
    assert [store(again, "a" * 16, **options)["id"] for options in asked] == ids


def test_a_seed_that_was_not_given_is_told_from_one_that_was(memory: Memory) -> None:
    ids = {store(memory, "a" * 16, temperature=1, seed=seed)["id"] for seed in (None, 0, None, 0)}
    assert len(ids) == 4


def test_an_id_is_not_given_to_another_after_its_completion_was_deleted(memory: Memory) -> None:
    first = store(memory, "a" * 16)["id"]
    chat_stored.delete(incoming(memory, first))
    assert store(memory, "a" * 16)["id"] != first


def test_what_is_not_stored_has_the_id_of_its_recording(memory: Memory) -> None:
    told = [
        store(memory, "a" * 16, store=False, **options)["id"]
        for options in ({}, {"metadata": {"a": "1"}}, {"model": "gpt-4o-mini"})
    ]
    assert len(set(told)) == 1


def test_the_list_is_filtered_by_model_and_metadata(memory: Memory) -> None:
    one = store(memory, "a" * 16, metadata={"a": "1", "b": "1"})["id"]
    two = store(memory, "b" * 16, model="gpt-4o-mini", metadata={"a": "1"})["id"]
    assert listed(memory, model="gpt-4o-mini") == [two]
    assert listed(memory, **{"metadata[a]": "1"}) == [one, two]
    assert listed(memory, **{"metadata[a]": "1", "metadata[b]": "1"}) == [one]
    assert listed(memory, **{"metadata[a]": "2"}) == []
    assert listed(memory, **{"metadata[c]": ""}) == []
    with pytest.raises(RequestError, match="Unknown parameter: 'metadata'"):
        listed(memory, metadata="1")


def test_the_messages_can_be_asked_for_again(memory: Memory) -> None:
    image = {"type": "image_url", "image_url": {"url": "https://a.example/x.png"}}
    sound = {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}}
    text = {"type": "text", "text": "Look"}
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [text, image, sound], "name": "ann"},
    ]
    where = store(memory, "a" * 16, messages=messages)["id"]
    told = chat_stored.messages(incoming(memory, where))["data"]
    assert told == [
        {
            "id": f"{where}-0",
            "role": "system",
            "content": "Be brief.",
            "name": None,
            "content_parts": None,
        },
        {
            "id": f"{where}-1",
            "role": "user",
            "content": "Look",
            "name": "ann",
            "content_parts": [text, image],
        },
    ]
    last = chat_stored.messages(incoming(memory, where, query={"after": f"{where}-0"}))
    assert last["first_id"] == f"{where}-1"


def test_metadata_can_be_changed(memory: Memory) -> None:
    where = store(memory, "a" * 16, metadata={"a": "1"})["id"]
    told = chat_stored.update(incoming(memory, where, body={"metadata": {"b": "2"}}))
    assert told["metadata"] == {"b": "2"}
    assert chat_stored.one(incoming(memory, where)) == told
    chat_stored.update(incoming(memory, where, body={"metadata": None}))
    assert chat_stored.one(incoming(memory, where))["metadata"] == {}
    assert chat_stored.messages(incoming(memory, where))["data"]


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ({}, "metadata", "missing_required_parameter"),
        ({"metadata": {}, "x": 1}, "x", "unknown_parameter"),
        ({"metadata": {"k": 1}}, "metadata.k", "invalid_type"),
        ({"metadata": {"k" * 65: ""}}, "metadata", "property_name_above_max_length"),
        (
            {"metadata": {str(i): "" for i in range(17)}},
            "metadata",
            "object_above_max_properties",
        ),
    ],
)
def test_a_mistake_in_metadata_is_told(memory: Memory, body: Any, param: str, code: str) -> None:
    where = store(memory, "a" * 16)["id"]
    with pytest.raises(RequestError) as caught:
        chat_stored.update(incoming(memory, where, body=body))
    assert (caught.value.param, caught.value.code) == (param, code)


def test_what_is_deleted_is_gone(memory: Memory) -> None:
    where = store(memory, "a" * 16)["id"]
    told = chat_stored.delete(incoming(memory, where))
    assert told == {"object": "chat.completion.deleted", "id": where, "deleted": True}
    for tell in (chat_stored.one, chat_stored.messages, chat_stored.update, chat_stored.delete):
        with pytest.raises(RequestError, match=f"'{where}' not found") as caught:
            tell(incoming(memory, where, body={"metadata": {}}))
        assert caught.value.status == 404


@pytest.mark.parametrize("stream", [False, True])
def test_a_server_remembers_until_it_stops(
    serve: Callable[..., FakeLLMServer], stream: bool
) -> None:
    server = serve()

    def get(path: str, method: str = "GET", body: Any = b"") -> Any:
        return ask(server.base_url, body, method=method, path=f"/chat/completions{path}").json

    ask(server.base_url, chat("hello", store=True, stream=stream, metadata={"a": "1"}))
    ask(server.base_url, chat("hello", store=True, stream=stream))
    stored, other = get("")["data"]
    assert get(f"/{other['id']}") == other
    where = stored["id"]
    assert stored["choices"][0]["message"]["content"] == "hello"
    assert get(f"/{where}") == stored
    assert get("?metadata%5Ba%5D=2")["data"] == []
    assert get(f"/{where}/messages")["data"][0]["content"] == "hello"
    assert get(f"/{where}", "POST", {"metadata": {"a": "2"}})["metadata"] == {"a": "2"}
    assert get("?metadata%5Ba%5D=2")["data"][0]["id"] == where
    assert get(f"/{where}", "DELETE")["deleted"] is True
    assert get(f"/{where}")["error"]["message"].startswith("Chat completion with id")
