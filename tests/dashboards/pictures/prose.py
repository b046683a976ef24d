"""The little Markdown of a panel of text: paragraphs and one block of code."""

from __future__ import annotations

import re

from tests.dashboards.pictures.look import GRID, PAPER, SMALL
from tests.dashboards.pictures.sheet import Place, Sheet

_LINE_HEIGHT = 16


def prose(sheet: Sheet, inner: Place, content: str) -> None:
    """Write it from the top; what does not fit is cut."""
    y = inner.y + 8
    for number, part in enumerate(content.split("```")):
        y = _code(sheet, inner, y, part) if number % 2 else _paragraph(sheet, inner, y, part)


def _code(sheet: Sheet, inner: Place, y: float, part: str) -> float:
    lines = part.split("\n")[1:-1]
    size = SMALL
    while max(sheet.width_of(line, size, mono=True) for line in lines) > inner.width - 12:
        size -= 0.25
    height = len(lines) * _LINE_HEIGHT + 8
    sheet.box(Place(inner.x, y - 8, inner.width, height), PAPER, GRID)
    for line in lines:
        sheet.words(inner.x + 6, y + 4, line, size=size, mono=True)
        y += _LINE_HEIGHT
    return y + 14


def _paragraph(sheet: Sheet, inner: Place, y: float, part: str) -> float:
    for line in wrapped(sheet, inner.width, plain(part)):
        sheet.words(inner.x, y, line, size=SMALL)
        y += _LINE_HEIGHT
    return y


def plain(markdown: str) -> str:
    """Without marks: links are their words."""
    return " ".join(re.sub(r"\[([^]]+)\]\([^)]*\)", r"\1", markdown).replace("`", "").split())


def wrapped(sheet: Sheet, room: float, text: str, size: float = SMALL) -> list[str]:
    """Lines that fit."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and sheet.width_of(longer, size) <= room:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
