"""What keeps the tests of this folder from connecting elsewhere."""

import asyncio
import socket

import pytest

from slmtape import FakeLLMServer
from tests.wire.loopback import only_loopback

ELSEWHERE = ("203.0.113.1", 80)  # reserved for documentation: RFC 5737


def test_connections_to_another_machine_are_refused_and_noted() -> None:
    with only_loopback() as refused:
        with socket.socket() as client, pytest.raises(ConnectionRefusedError):
            client.connect(ELSEWHERE)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("example.invalid", 443))
        with pytest.raises(ConnectionRefusedError):
            asyncio.run(asyncio.wait_for(asyncio.open_connection(*ELSEWHERE), timeout=30))
    assert len(refused) == 3


def test_connections_to_loopback_are_let_through(tape: FakeLLMServer) -> None:
    with only_loopback() as refused:
        for host in ("127.0.0.1", "localhost"):
            socket.create_connection((host, tape.port)).close()
    assert refused == []
