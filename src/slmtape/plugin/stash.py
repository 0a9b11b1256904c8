"""What the plugin notes of every run: keys of `config.stash`."""

import pytest

BEGAN: pytest.StashKey[float] = pytest.StashKey()
"""When the run began, in seconds since the epoch."""

SKIPPED: pytest.StashKey[str] = pytest.StashKey()
"""A test, or a file of tests, that did not run."""

LOST: pytest.StashKey[int] = pytest.StashKey()
"""How many workers died without a word."""

DESELECTED: pytest.StashKey[bool] = pytest.StashKey()
"""Whether tests were left out."""
