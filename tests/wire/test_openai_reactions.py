"""What is found good, and what bad, of how the real openai client is made to react to faults."""

import asyncio
from collections.abc import Callable

import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from slmtape import FakeLLMServer, faults
from slmtape.faults import Fault
from tests.support import ask, chat
from tests.wire.asking import TEXT, Stream, asking, said


def test_the_clients_own_way_of_trying_again_is_found_good(
    serve: Callable[..., FakeLLMServer],
) -> None:
    server = serve()
    server.fault(faults.Status(503), times=1)
    server.fault(faults.Status(429, retry_after=0.3), times=1)
    with OpenAI(**server.openai_client_args()) as client:
        assert said(client).message.content == TEXT
    server.verdict().check()
    assert len(server.calls) == 3


def test_clients_that_ask_the_same_at_once_are_found_good(
    serve: Callable[..., FakeLLMServer],
) -> None:
    server = serve()
    server.fault(faults.Status(503))

    async def fail(client: AsyncOpenAI) -> None:
        with pytest.raises(openai.InternalServerError):
            await client.chat.completions.create(**asking(TEXT))

    async def ask_at_once() -> None:
        async with AsyncOpenAI(**server.openai_client_args()) as client:
            await asyncio.gather(*[fail(client) for _ in range(6)])

    asyncio.run(ask_at_once())
    assert len(server.calls) == 18
    server.verdict().check()


def test_one_that_opens_a_connection_for_each_attempt_is_found_out(
    serve: Callable[..., FakeLLMServer],
) -> None:
    server = serve()
    server.fault(faults.Status(503))
    for _ in range(6):
        ask(server.base_url, chat("now"))
    assert server.verdict().kinds() == ["retried_too_often", "no_back_off"]


def test_an_application_that_reacts_badly_is_found_out(
    serve: Callable[..., FakeLLMServer],
) -> None:
    server = serve()
    server.fault(faults.Status(429, retry_after=5), times=8)
    server.fault(faults.Stall(after=1, seconds=0.3), times=1)
    server.fault(faults.End(after=2), times=1)
    with OpenAI(**server.openai_client_args(), max_retries=0) as client:
        for _ in range(8):
            with pytest.raises(openai.RateLimitError):
                said(client)
        assert said(client).message.content == TEXT
        assert Stream(client).text == "one two"
    assert sorted(set(server.verdict(attempts=8, patience=0.2).kinds())) == [
        "accepted_truncated_stream",
        "ignored_retry_after",
        "no_back_off",
        "no_time_out",
    ]


@pytest.mark.parametrize("fault", [faults.Stall(after=1), faults.Delay(60)], ids=repr)
def test_an_application_that_has_just_given_up_is_not_said_to_wait(
    serve: Callable[..., FakeLLMServer], fault: Fault
) -> None:
    server = serve()
    server.fault(fault)
    with OpenAI(**server.openai_client_args(), max_retries=0) as client:
        for _ in range(20):
            assert isinstance(Stream(client.with_options(timeout=0.05)).error, openai.APIError)
            assert "no_time_out" not in server.verdict(patience=0.01).kinds()
            assert all(call.seconds is not None for call in server.calls)


def test_a_connection_that_broke_has_ended_for_the_test_too(
    serve: Callable[..., FakeLLMServer],
) -> None:
    server = serve()
    server.fault(faults.Reset(after=1), every=2)
    server.fault(faults.Reset())
    with OpenAI(**server.openai_client_args(), max_retries=0) as client:
        for _ in range(20):
            assert isinstance(Stream(client).error, openai.APIConnectionError)
            assert server.calls.last.seconds is not None
