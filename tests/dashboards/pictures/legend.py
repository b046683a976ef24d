"""The names of a panel's series below its graph, in as many lines as they need."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from tests.dashboards.pictures.look import FAINT, SMALL, series_color
from tests.dashboards.pictures.seen import Line
from tests.dashboards.pictures.sheet import Place, Sheet
from tests.dashboards.pictures.units import told

LINE_HEIGHT = 15
_SWATCH, _GAP = 14, 12
_MOST_LINES = 5
_LINES_WITH_NUMBERS = 2


def legend(sheet: Sheet, within: Place, lines: Sequence[Line], unit: str) -> float:
    """Write it at the bottom of a place; returns its height."""
    long = [f"{one.name}   last {told(one.last, unit)}   max {told(one.largest, unit)}" for one in lines]
    rows = _flowed(sheet, long, within.width)
    if len(rows) > _LINES_WITH_NUMBERS:
        rows = _flowed(sheet, [one.name for one in lines], within.width)
    if len(rows) > _MOST_LINES:
        rows = _shortened(rows)
    top = within.y + within.height - len(rows) * LINE_HEIGHT
    numbers = count()
    for row, names in enumerate(rows):
        _row(sheet, within, top + (row + 0.5) * LINE_HEIGHT, [(next(numbers), name) for name in names])
    return float(len(rows) * LINE_HEIGHT)


def _row(sheet: Sheet, within: Place, y: float, names: Sequence[tuple[int, str]]) -> None:
    x = within.x
    for number, name in names:
        if not name.startswith("+ "):
            sheet.box(Place(x, y - 1.5, 10, 3), series_color(number))
        shown = sheet.fitting(name, within.width - _SWATCH, SMALL)
        sheet.words(x + _SWATCH, y, shown, size=SMALL, color=FAINT)
        x += _SWATCH + sheet.width_of(shown, SMALL) + _GAP


def _flowed(sheet: Sheet, names: Sequence[str], room: float) -> list[list[str]]:
    rows: list[list[str]] = [[]]
    used = 0.0
    for name in names:
        needs = _SWATCH + sheet.width_of(name, SMALL)
        if rows[-1] and used + needs > room:
            rows.append([])
            used = 0
        rows[-1].append(name)
        used += needs + _GAP
    return rows


def _shortened(rows: list[list[str]]) -> list[list[str]]:
    hidden = sum(map(len, rows[_MOST_LINES - 1 :]))
    return [*rows[: _MOST_LINES - 1], [f"+ {hidden} more"]]
