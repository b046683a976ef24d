"""A scenario as data: its lines, each able to run one heat, and the table they make."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.bench.delivery.arithmetic import Figures
from tests.bench.delivery.results import Results
from tests.bench.delivery.stand import Stand

OnProgress = Callable[[int], None]
Outcome = tuple[Figures, str]
"""Figures, and what is wrong with them."""


@dataclass(frozen=True)
class Row:
    """One line of a table.

    Attributes:
        events: that its heat takes.
        run: one heat.
        missing: why it cannot be run here; empty when it can.
    """

    name: str
    events: int
    run: Callable[[Stand, OnProgress], Outcome]
    missing: str = ""


@dataclass(frozen=True)
class Column:
    """A figure and how it is written."""

    heading: str
    figure: str
    digits: int = 0


@dataclass(frozen=True)
class Ratio:
    """One figure over another of the same round; the median of all rounds.

    Attributes:
        figure: of both.
        top: scenario and row; empty text stands for this scenario and this row.
        bottom: the same.
    """

    heading: str
    figure: str
    top: tuple[str, str] = ("", "")
    bottom: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class Wish:
    """What the command line asks for.

    Attributes:
        events: instead of the scenario's own number; 0: that.
        peers: contestants; empty: all.
    """

    events: int = 0
    peers: Sequence[str] = ()

    def wants(self, name: str) -> bool:
        """Whether a contestant takes part."""
        return not self.peers or name in self.peers

    def count(self, usual: int, share: float = 1.0) -> int:
        """How many events a heat takes."""
        return self.events or int(usual * share)


@dataclass(frozen=True)
class Scenario:
    """A table of the race.

    Attributes:
        how: how to read it, one paragraph.
        rows: its lines.
        render: makes something else of the results than a table of these columns.
    """

    name: str
    title: str
    how: str
    columns: Sequence[Column | Ratio]
    rows: Callable[[Wish], list[Row]]
    render: Callable[[Results], str] | None = None
