"""Rules of a few lines of YAML, applied to a record."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rules.workshop import Workshop


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """Compiles into a folder of its own."""
    return Workshop(tmp_path)
