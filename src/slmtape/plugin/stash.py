"""What the plugin notes of every run: keys of `config.stash`."""

import pytest

BEGAN: pytest.StashKey[float] = pytest.StashKey()
"""When the run began, in seconds since the epoch."""

DESELECTED: pytest.StashKey[bool] = pytest.StashKey()
"""Whether tests were left out."""
