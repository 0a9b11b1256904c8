"""Which tests have a fake LLM server."""

import pytest

_FIXTURES = {"fake_llm_server", "fake_llm_server_session", "fake_llm_server_factory"}


def served(item: pytest.Item) -> bool:
    """Whether this test asks for a server, itself or through other fixtures."""
    return not _FIXTURES.isdisjoint(getattr(item, "fixturenames", ()))
