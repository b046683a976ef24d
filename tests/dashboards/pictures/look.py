"""Colors and sizes: Grafana's light theme. Sizes are pixels of a picture that is ``WIDTH`` wide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

WIDTH = 1200
COLUMN = WIDTH / 24
LINE = 30
HEAD = 56
GAP = 4
PAD = 10
TITLE_HEIGHT = 26

SMALL, PLAIN, LARGE, HUGE = 9.5, 11.0, 15.0, 26.0

PAPER, FRAME, CARD = "#f4f5f5", "#dcdfe3", "#ffffff"
INK, FAINT, GRID = "#24292e", "#5f6570", "#e6e8eb"

NAMED = {
    "green": "#3d9a50",
    "yellow": "#d9a400",
    "orange": "#f2760f",
    "red": "#d92d44",
    "blue": "#2f72d4",
    "purple": "#9450c4",
    "text": INK,
}
"""What the dashboards' own color names look like on white."""

PALETTE = (
    *("#3d9a50", "#d9a400", "#2f72d4", "#f2760f", "#d92d44", "#17a2b8", "#9450c4", "#7a5c3d", "#e377c2"),
    *("#6b7785", "#9acd32", "#1b3f8b", "#b35900", "#8b1a2b"),
)
"""For series without a color of their own, in their order."""


def series_color(number: int) -> str:
    """The color of the series of that number."""
    return PALETTE[number % len(PALETTE)]


def step_color(steps: Sequence[dict[str, Any]], value: float) -> str:
    """The color of a value by a panel's thresholds."""
    reached = [one for one in steps if one["value"] is None or value >= one["value"]]
    return NAMED[reached[-1]["color"]]


def words_of(panel: dict[str, Any]) -> dict[float, tuple[str, str]]:
    """What a panel calls its numbers, and their colors."""
    mappings = panel["fieldConfig"]["defaults"].get("mappings", ())
    return {
        float(number): (word["text"], NAMED[word["color"]])
        for mapping in mappings
        for number, word in mapping["options"].items()
    }
