"""One panel at its place on a picture, whatever its kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.dashboards.pictures import plots
from tests.dashboards.pictures.legend import legend
from tests.dashboards.pictures.look import (
    CARD,
    FAINT,
    FRAME,
    GAP,
    HUGE,
    PAD,
    PLAIN,
    SMALL,
    TITLE_HEIGHT,
    step_color,
    words_of,
)
from tests.dashboards.pictures.prose import prose
from tests.dashboards.pictures.seen import Answers, Line, Span, lines_of
from tests.dashboards.pictures.sheet import Place, Sheet
from tests.dashboards.pictures.tables import table
from tests.dashboards.pictures.units import told

_TIME_HEIGHT = 22
_MOST_LANE = 46.0


class NothingToDraw(ValueError):
    """A panel without a number at any time."""


def panel_at(sheet: Sheet, place: Place, panel: dict[str, Any], answers: Answers, span: Span) -> None:
    """Draw it, with its frame and title.

    Raises:
        NothingToDraw: no query of it had an answer.
    """
    card = place.inside(GAP, GAP, GAP, GAP)
    sheet.box(card, CARD, FRAME)
    title = sheet.fitting(panel["title"], card.width - 2 * PAD)
    sheet.words(card.x + PAD, card.y + 15, title, size=PLAIN, bold=True)
    inner = card.inside(PAD, TITLE_HEIGHT + 2, PAD, PAD - 2)
    if panel["type"] == "text":
        prose(sheet, inner, panel["options"]["content"])
        return
    if not any(answers.values()):
        raise NothingToDraw(panel["title"])
    match panel["type"]:
        case "stat":
            _tile(sheet, card, panel, answers, span)
        case "table":
            table(sheet, inner, panel, answers)
        case "state-timeline":
            _lanes(sheet, inner, panel, lines_of(panel, answers), span)
        case "heatmap":
            axes = sheet.axes(inner.inside(46, 4, 4, _TIME_HEIGHT))
            plots.heat(axes, panel, answers["A"], span)
        case _:
            _graph(sheet, inner, panel, lines_of(panel, answers), span)


def _graph(sheet: Sheet, inner: Place, panel: dict[str, Any], lines: Sequence[Line], span: Span) -> None:
    below = legend(sheet, inner, lines, panel["fieldConfig"]["defaults"]["unit"])
    axes = sheet.axes(inner.inside(0, 4, 4, below + _TIME_HEIGHT + 4))
    plots.graph(axes, panel, lines, span)
    low, high = axes.get_ylim()
    shown = [at for at in axes.get_yticks() if low <= at <= high]
    labels = axes.yaxis.get_major_formatter().format_ticks(shown)
    left = max(sheet.width_of(label, SMALL) for label in labels) + 6
    box = axes.get_position()
    shift = left / sheet.width
    axes.set_position((box.x0 + shift, box.y0, box.width - shift, box.height))


def _tile(sheet: Sheet, card: Place, panel: dict[str, Any], answers: Answers, span: Span) -> None:
    (line,) = lines_of(panel, answers)
    defaults = panel["fieldConfig"]["defaults"]
    text, color = words_of(panel).get(line.last) or (
        told(line.last, defaults["unit"], defaults.get("decimals")),
        step_color(defaults["thresholds"]["steps"], line.last),
    )
    if panel["options"]["graphMode"] == "area":
        plots.spark(sheet.axes(card.inside(1, card.height - 36, 1, 1)), line, span, color)
    middle = card.x + card.width / 2
    sheet.words(middle, card.y + 50, text, size=HUGE, color=color, across="center", bold=True)


def _lanes(sheet: Sheet, inner: Place, panel: dict[str, Any], lines: Sequence[Line], span: Span) -> None:
    """The names stand left of their lanes; what the colors mean stands below."""
    room = min(inner.width * 0.45, max(sheet.width_of(one.name, SMALL) for one in lines) + 8)
    free = inner.inside(room, 2, 4, _TIME_HEIGHT + 16)
    height = min(free.height, _MOST_LANE * len(lines))
    place = Place(free.x, free.y, free.width, height)
    plots.lanes(sheet.axes(place), panel, lines, span)
    for row, one in enumerate(lines):
        y = place.y + (row + 0.5) * height / len(lines)
        sheet.words(inner.x, y, sheet.fitting(one.name, room - 6, SMALL), size=SMALL, color=FAINT)
    x = inner.x
    for word, color in words_of(panel).values():
        y = inner.y + inner.height - 6
        sheet.box(Place(x, y - 5, 10, 10), color)
        sheet.words(x + 14, y, word, size=SMALL, color=FAINT)
        x += 14 + sheet.width_of(word, SMALL) + 14
