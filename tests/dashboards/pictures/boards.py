"""A whole dashboard as a picture, from its JSON and from what its queries gave. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.dashboards.pictures.look import COLUMN, FAINT, GAP, HEAD, LARGE, LINE, PAD, PLAIN, SMALL
from tests.dashboards.pictures.panels import panel_at
from tests.dashboards.pictures.prose import wrapped
from tests.dashboards.pictures.seen import Answers, Span
from tests.dashboards.pictures.sheet import Place, Sheet

_STORY_LINE = 14


def picture(
    dashboard: dict[str, Any],
    answers: Mapping[str, Answers],
    span: Span,
    happened: Sequence[tuple[str, float]] = (),
) -> Sheet:
    """Each panel where the dashboard has it; ``answers`` by the panels' titles.

    ``happened`` is told above them: what was made to happen, and when.
    """
    bottom = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in dashboard["panels"])
    sheet = Sheet(HEAD + bottom * LINE + PAD)
    _head(sheet, dashboard, span, happened)
    for panel in dashboard["panels"]:
        place = _place(panel["gridPos"])
        if panel["type"] == "row":
            sheet.words(
                place.x + GAP + 2, place.y + LINE / 2 + 2, f"▾  {panel['title']}", size=PLAIN, bold=True
            )
        else:
            panel_at(sheet, place, panel, answers.get(panel["title"], {}), span)
    return sheet


def _place(grid: dict[str, int]) -> Place:
    return Place(grid["x"] * COLUMN, HEAD + grid["y"] * LINE, grid["w"] * COLUMN, grid["h"] * LINE)


def _head(sheet: Sheet, dashboard: dict[str, Any], span: Span, happened: Sequence[tuple[str, float]]) -> None:
    sheet.words(PAD, 17, dashboard["title"], size=LARGE, bold=True)
    after = PAD + sheet.width_of(dashboard["title"], LARGE, bold=True) + 16
    sheet.words(after, 18, dashboard["description"], size=PLAIN, color=FAINT)
    told = "  ·  ".join(f"{_clock(span.since(at))} {name}" for name, at in happened)
    for number, line in enumerate(wrapped(sheet, sheet.width - 2 * PAD, told)):
        sheet.words(PAD, 37 + number * _STORY_LINE, line, size=SMALL, color=FAINT)


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"
