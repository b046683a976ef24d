"""All dashboards, in the order in which they are read."""

from __future__ import annotations

from pathlib import Path

from tests.dashboards import dead_letters, delivery, overview, rules, runtime, sources
from tests.dashboards.panels import Board

FOLDER = Path(__file__).parents[2] / "helm" / "dashboards"

BOARDS: tuple[Board, ...] = (
    overview.BOARD,
    sources.BOARD,
    rules.BOARD,
    delivery.BOARD,
    dead_letters.BOARD,
    runtime.BOARD,
)
