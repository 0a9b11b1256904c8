"""Fixtures of what keeps recordings."""

from pathlib import Path

import pytest


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Where a cassette directory may be made."""
    return tmp_path / "cassettes"
