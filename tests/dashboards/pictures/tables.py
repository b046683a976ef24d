"""A table: one row for each set of labels, one column for each query, as the panel's transformations say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.dashboards.pictures.look import FAINT, GRID, INK, PLAIN
from tests.dashboards.pictures.seen import Answers
from tests.dashboards.pictures.sheet import Place, Sheet
from tests.dashboards.pictures.units import told

_ROW_HEIGHT = 24
_GAP = 14


def table(sheet: Sheet, inner: Place, panel: dict[str, Any], answers: Answers) -> None:
    """Draw it; rows that do not fit are counted in the last line."""
    head, rows = rows_of(panel, answers)
    room = int(inner.height // _ROW_HEIGHT) - 1
    if len(rows) > room:
        rows = [*rows[: room - 1], [f"+ {len(rows) - room + 1} more", *[""] * (len(head) - 1)]]
    widths = _widths(sheet, inner.width, [head, *rows])
    for number, row in enumerate([head, *rows]):
        y = inner.y + (number + 0.5) * _ROW_HEIGHT
        if number:
            sheet.box(Place(inner.x, y - _ROW_HEIGHT / 2, inner.width, 1), GRID)
        x = inner.x
        for cell, width in zip(row, widths, strict=True):
            shown = sheet.fitting(cell, width - 6)
            sheet.words(x, y, shown, color=INK if number else FAINT, bold=not number)
            x += width


def rows_of(panel: dict[str, Any], answers: Answers) -> tuple[list[str], list[list[str]]]:
    """The head and the cells; the largest first."""
    columns = _columns(panel)
    units, decimals = _units(panel), panel["fieldConfig"]["defaults"].get("decimals")
    keys = sorted({label for several in answers.values() for one in several for label in one.labels})
    found: dict[tuple[str, ...], dict[str, float]] = {}
    for letter in columns:
        for one in answers[letter]:
            key = tuple(one.labels.get(label, "") for label in keys)
            found.setdefault(key, {})[letter] = one.points[-1][1]
    ordered = sorted(found, key=lambda key: (-found[key].get("A", 0), key))
    rows = [
        [*key, *(_cell(found[key].get(letter), units[name], decimals) for letter, name in columns.items())]
        for key in ordered
    ]
    return [*keys, *columns.values()], rows


def _columns(panel: dict[str, Any]) -> dict[str, str]:
    """The name of each query's column."""
    (names,) = [one["options"]["renameByName"] for one in panel["transformations"] if one["id"] == "organize"]
    letters = [target["refId"] for target in panel["targets"]]
    return {letter: names.get(f"Value #{letter}") or names["Value"] for letter in letters}


def _units(panel: dict[str, Any]) -> dict[str, str]:
    """The unit of each column by its name; the panel's own where it has none."""
    config = panel["fieldConfig"]
    own = {
        one["matcher"]["options"]: change["value"]
        for one in config["overrides"]
        for change in one["properties"]
        if change["id"] == "unit"
    }
    return {name: own.get(name, config["defaults"]["unit"]) for name in _columns(panel).values()}


def _cell(number: float | None, unit: str, decimals: int | None) -> str:
    return "" if number is None else told(number, unit, decimals)


def _widths(sheet: Sheet, room: float, rows: Sequence[Sequence[str]]) -> list[float]:
    """As wide as their longest cell, and what is left shared out."""
    needed = [
        max(sheet.width_of(cell, PLAIN, bold=True) for cell in column) + _GAP
        for column in zip(*rows, strict=True)
    ]
    spare = room - sum(needed)
    if spare < 0:
        return [width * room / sum(needed) for width in needed]
    return [width + spare / len(needed) for width in needed]
