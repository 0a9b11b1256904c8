"""Tests that are kept off the network; elsewhere is 192.0.2.1 (RFC 5737)."""

import socket

import pytest
from asking import ANSWER, answer, streamed
from openai import AsyncOpenAI

from slmtape import FakeLLMServer

pytestmark = pytest.mark.filterwarnings("ignore:A test tried to use socket")


def refused(host: str) -> None:
    with (
        pytest.raises(RuntimeError, match=r"A test tried to use socket|Network is disabled"),
        socket.socket() as client,
    ):
        client.connect((host, 9))


def test_a_server_is_reached_and_nothing_else(fake_llm_server: FakeLLMServer) -> None:
    assert answer(fake_llm_server) == ANSWER
    refused("192.0.2.1")


def test_a_shared_server_is_reached(fake_llm_server_session: FakeLLMServer) -> None:
    assert answer(fake_llm_server_session) == ANSWER
    refused("192.0.2.1")


@pytest.mark.allow_hosts(["192.0.2.8"])
@pytest.mark.block_network(allowed_hosts=["192.0.2.8"])
def test_a_marked_test_reaches_it(fake_llm_server: FakeLLMServer) -> None:
    assert answer(fake_llm_server) == ANSWER
    refused("192.0.2.1")


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_it_is_reached_from_a_loop(
    fake_llm_server: FakeLLMServer, anyio_backend: str
) -> None:
    async with AsyncOpenAI(**fake_llm_server.openai_client_args()) as client:
        assert await streamed(client) == ANSWER
    refused("192.0.2.1")


def test_a_test_without_a_server_reaches_nothing() -> None:
    refused("127.0.0.1")
    refused("192.0.2.1")
