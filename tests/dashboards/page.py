"""docs/dashboards.md: what of it follows from the dashboards. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.dashboards.happenings import HAPPENINGS
from tests.dashboards.panels import Board, Panel

PAGE = Path(__file__).parents[2] / "docs" / "dashboards.md"
BEGIN, END = "<!-- scripts/dashboards writes from here -->\n", "<!-- to here -->\n"
_IN_WORDS = "In words, with the commands."


def written(page: str, boards: Sequence[Board]) -> str:
    """The page with the dashboards as they are now.

    Raises:
        ValueError: it has no place for them.
    """
    head, _, rest = page.partition(BEGIN)
    _, mark, tail = rest.partition(END)
    if not mark:
        raise ValueError("docs/dashboards.md has no place for the dashboards")
    return "".join([head, BEGIN, "\n", _marks(), *map(section, boards), END, tail])


def section(board: Board) -> str:
    """What a dashboard is for, its picture, and a line for each panel."""
    name = _name(board)
    lines = [
        f"## {name}",
        board.says,
        "",
        f"*Opened by* {board.opened}",
        "",
        f"![The dashboard {name}](dashboards/{board.name}.png)",
        "",
        "| panel | what it shows | alerts |",
        "| --- | --- | --- |",
    ]
    for row in board.rows:
        lines.append(f"| **{row.title}** | | |")
        lines += [_line(panel) for panel in row.panels]
    return "\n".join(lines) + "\n\n"


def _name(board: Board) -> str:
    return board.title.rpartition("/")[2].strip()


def _line(panel: Panel) -> str:
    says = _IN_WORDS if panel.kind == "text" else panel.says.replace("|", "\\|")
    alerts = ", ".join(f"[{_short(one)}](runbooks/{one}.md)" for one in panel.runbooks)
    return f"| {panel.title} | {says} | {alerts} |"


def _short(alert: str) -> str:
    return alert.removeprefix("FilumBridge")


def _marks() -> str:
    lines = [f"- *{one.name}* ({one.color}): {one.says}\n" for one in HAPPENINGS]
    return "Dashed upright lines mark what happened, on every board:\n\n" + "".join(lines) + "\n"
