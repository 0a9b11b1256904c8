"""A client library that is not there is a failure, so that none goes untested unnoticed."""

from importlib.util import find_spec

import pytest

from tests.wire.libraries import LIBRARIES


@pytest.mark.wire
@pytest.mark.parametrize("library", LIBRARIES.values())
def test_the_library_is_installed(library: str) -> None:
    assert find_spec(library), "pip install -e '.[wire]'"
