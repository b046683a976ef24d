"""The table of faults, and ``docs/reliability.md``. Pure but for the file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from tests.chaos.books import GIVEN_BACK, KILL, UNANSWERED, UNEXPLAINED, Row

BEGIN, END = "<!-- scripts/chaos writes {part} from here -->", "<!-- to here -->"
_HEAD = (
    *("fault", "produced", "accepted", "lost", "out of order"),
    *("twice: no answer", "given back", "kill", "unexplained"),
    *("dead letters", "deleted by the broker", "unaccounted", "looks", "recovers s", "said why"),
)


def table(rows: Sequence[Row]) -> str:
    """Markdown."""
    lines = [_HEAD, ["---"] + ["---:"] * (len(_HEAD) - 2) + ["---"], *map(_cells, rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cells(row: Row) -> list[str]:
    twice = [row.duplicates.get(kind, 0) for kind in (UNANSWERED, GIVEN_BACK, KILL, UNEXPLAINED)]
    numbers = [row.produced, row.accepted, row.lost, row.order_violations, *twice, row.dead_letters]
    numbers += [row.deleted, int(row.unaccounted), row.looks]
    recovers = "–" if row.recovery_seconds < 0 else f"{row.recovery_seconds:.1f}"
    return [row.fault, *(f"{number:,}" for number in numbers), recovers, ", ".join(row.reasons)]


def rewrite(page: Path, content: str, part: str) -> None:
    """Put content between the marks of a part of the page."""
    begin = BEGIN.format(part=part)
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(END), re.DOTALL)
    page.write_text(pattern.sub(lambda _: f"{begin}\n\n{content}\n\n{END}", page.read_text()))
