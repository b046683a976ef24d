"""What a dashboard is made of, as data: no JSON, no Grafana."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["lines", "areas", "stat", "table", "states", "heatmap", "text"]
Color = Literal["green", "yellow", "orange", "red", "blue", "purple", "text"]

GREEN_TO_RED: tuple[Color, ...] = ("green", "yellow", "red")


@dataclass(frozen=True)
class Query:
    """One query. ``legend`` names a series by its labels; in a table it heads a column of that ``unit``."""

    expression: str
    legend: str = ""
    unit: str = ""


@dataclass(frozen=True)
class Panel:
    """One panel.

    Attributes:
        title: short, unique on its dashboard.
        says: what is seen and what it means; the description.
        unit: one of Grafana's unit names.
        queries: what it shows; a table shows one column for each.
        kind: how; a ``text`` shows ``says`` as Markdown and has no query.
        width: of 24.
        steps: from which value on which color; the first begins at the bottom.
        words: what a number is called, and its color.
        keys: the labels that make the rows of a table.
        runbooks: alerts whose page explains what to do about it.
        leads_to: dashboards to go on with.
    """

    title: str
    says: str
    unit: str = "none"
    queries: tuple[Query, ...] = ()
    kind: Kind = "lines"
    width: int = 8
    height: int = 8
    steps: tuple[tuple[float | None, Color], ...] = ()
    words: tuple[tuple[float, str, Color], ...] = ()
    keys: tuple[str, ...] = ()
    decimals: int | None = None
    least: float | None = None
    most: float | None = None
    runbooks: tuple[str, ...] = ()
    leads_to: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    """A line of panels under one title."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Choice:
    """A variable: a label of the bridge, and a metric whose series have all its values."""

    label: str
    metric: str


@dataclass(frozen=True)
class Board:
    """One dashboard.

    Attributes:
        name: its file's, and the end of its address.
        says: what it shows, in a line.
        opened: who opens it, and when; for its page.
    """

    name: str
    title: str
    says: str
    opened: str
    rows: tuple[Row, ...]
    choices: tuple[Choice, ...] = ()

    @property
    def uid(self) -> str:
        """Its address in Grafana."""
        return f"filum-bridge-{self.name}"

    @property
    def panels(self) -> tuple[Panel, ...]:
        """All panels, in order."""
        return tuple(panel for row in self.rows for panel in row.panels)


def tile(
    title: str,
    says: str,
    unit: str,
    expression: str,
    *,
    width: int = 4,
    steps: tuple[tuple[float | None, Color], ...] = (),
    words: tuple[tuple[float, str, Color], ...] = (),
    decimals: int | None = None,
    runbooks: tuple[str, ...] = (),
    leads_to: tuple[str, ...] = (),
) -> Panel:
    """A panel of one number."""
    return Panel(
        title,
        says,
        unit,
        (Query(expression),),
        kind="stat",
        width=width,
        height=4,
        steps=steps,
        words=words,
        decimals=decimals,
        runbooks=runbooks,
        leads_to=leads_to,
    )


def at(*limits: float, colors: tuple[Color, ...] = GREEN_TO_RED) -> tuple[tuple[float | None, Color], ...]:
    """Steps: the first color below the first limit, the last from the last limit on."""
    picked = colors if len(colors) == len(limits) + 1 else (colors[0], *colors[len(colors) - len(limits) :])
    return tuple(zip((None, *limits), picked, strict=True))
