"""The local API for end-to-end tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bridge.cli.api import LocalApi
from tests.e2e.api import Api


@pytest.fixture
def api() -> Iterator[Api]:
    """A fresh local Filum Event API on loopback."""
    local = LocalApi(port=0)
    yield Api(local.url)
    local.stop()
