"""Which tests have a fake LLM server."""

import pytest

_SHARED = "fake_llm_server_session"
_FIXTURES = {"fake_llm_server", _SHARED, "fake_llm_server_factory"}


def served(item: pytest.Item) -> bool:
    """Whether this test asks for a server, itself or through other fixtures."""
    return not _FIXTURES.isdisjoint(getattr(item, "fixturenames", ()))


def only_shared(item: pytest.Item) -> bool:
    """Whether the only server it asks for is the one that tests share."""
    return _FIXTURES.intersection(getattr(item, "fixturenames", ())) == {_SHARED}
