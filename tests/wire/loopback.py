"""Keeps a process from connecting to anything but itself. Needs nothing but Python."""

import ipaddress
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_refused: list[str] | None = None
"""Where a refused address is noted; None: nothing is refused."""


@contextmanager
def only_loopback() -> Iterator[list[str]]:
    """Connections elsewhere raise ConnectionRefusedError; gives the list of what was tried."""
    global _refused
    before, _refused = _refused, []
    try:
        yield _refused
    finally:
        _refused = before


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if _refused is None or event not in ("socket.connect", "socket.getaddrinfo"):
        return
    address = arguments[1] if event == "socket.connect" else arguments[0]
    host = address[0] if isinstance(address, tuple) else address
    if isinstance(address, tuple | str) and not _is_loopback(host):
        _refused.append(f"{event} {address}")
        raise ConnectionRefusedError(f"A test may only connect to loopback, not to {address}.")


def _is_loopback(host: Any) -> bool:
    if isinstance(host, bytes):
        host = host.decode()
    if not host or host == "localhost" or host.startswith("/"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


sys.addaudithook(_watch)
