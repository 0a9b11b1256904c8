"""Plugins that keep tests off the network let those with a server of ours reach it."""

from collections.abc import Iterator, Sequence

import pytest

from slmtape.plugin.served import served

_LOOPBACK = ["127.0.0.1", "::1", "localhost"]


def neighbours(config: pytest.Config) -> Iterator[object]:
    """What is to be registered beside the plugins that are active in this run."""
    if hasattr(config.option, "disable_socket"):
        yield BesideSocket()
    if hasattr(config.option, "block_network"):
        yield BesideRecording()


class BesideSocket:
    """With pytest-socket, a test with a server may connect to loopback besides what it may."""

    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: Sequence[pytest.Item]
    ) -> None:
        """Mark them as users would: `allow_hosts([…])`, and only where sockets are restricted."""
        for item in filter(served, items):
            mark = item.get_closest_marker("allow_hosts")
            hosts = _listed(mark.args[0] if mark and mark.args else config.option.allow_hosts)
            if mark or hosts or config.option.disable_socket:
                item.add_marker(pytest.mark.allow_hosts([*hosts, *_LOOPBACK]), append=False)


class BesideRecording:
    """With pytest-recording, a test with a server reaches it, and no other cassette has that."""

    def pytest_collection_modifyitems(self, items: Sequence[pytest.Item]) -> None:
        """Mark those that are marked `vcr` as users would: `vcr(ignore_localhost=True)`."""
        for item in filter(served, items):
            if item.get_closest_marker("vcr"):
                item.add_marker(pytest.mark.vcr(ignore_localhost=True))

    @pytest.fixture
    def allowed_hosts(
        self, allowed_hosts: str | list[str] | None, request: pytest.FixtureRequest
    ) -> str | list[str] | None:
        """Where a test may connect to though `--block-network` is given, as regular expressions."""
        if not served(request.node):
            return allowed_hosts
        return [*_listed(allowed_hosts), *_LOOPBACK]


def _listed(hosts: str | Sequence[str] | None) -> Sequence[str]:
    return hosts.split(",") if isinstance(hosts, str) else hosts or ()
