"""The tile that must always say 0, for each dashboard that shows it."""

from __future__ import annotations

from tests.dashboards.panels import Panel, at, tile
from tests.dashboards.selectors import Selectors


def unaccounted(selectors: Selectors, width: int = 4) -> Panel:
    """Records that are in no account."""
    return tile(
        "Unaccounted",
        "Records consumed that are neither settled, given back, skipped nor in flight. Anything but 0 "
        "is a bug.",
        "short",
        f"sum(abs({selectors.of('records_unaccounted')}))",
        steps=at(1, colors=("green", "red")),
        runbooks=("FilumBridgeRecordsUnaccounted",),
        width=width,
    )
