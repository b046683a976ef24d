"""The local API for end-to-end tests, and figures that are printed with the verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from bridge.cli.api import LocalApi
from tests.e2e.api import Api

_REPORTED: list[str] = []


@pytest.fixture
def api() -> Iterator[Api]:
    """A fresh local Filum Event API on loopback."""
    local = LocalApi(port=0)
    yield Api(local.url)
    local.stop()


@pytest.fixture
def report() -> Callable[[str], None]:
    """Keep one line of figures for the end of the test run."""
    return _REPORTED.append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was measured, passed or not."""
    if _REPORTED:
        terminalreporter.section("measured")
        for line in _REPORTED:
            terminalreporter.line(line)
