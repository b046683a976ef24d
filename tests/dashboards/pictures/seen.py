"""What there is to draw: the answers to a panel's queries, over a span of time. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tests.parts.prometheus import Series

Answers = Mapping[str, Sequence[Series]]
"""The series of each query of a panel, by its letter."""


class Mark(NamedTuple):
    """Something that happened, and when (seconds since 1970)."""

    name: str
    color: str
    seconds: float


class Span(NamedTuple):
    """The time that is shown, and what happened in it."""

    start: float
    end: float
    marks: tuple[Mark, ...] = ()

    def since(self, seconds: float) -> float:
        """Seconds after the start."""
        return seconds - self.start

    @property
    def length(self) -> float:
        """Its seconds."""
        return self.end - self.start


class Line(NamedTuple):
    """One named series."""

    name: str
    points: list[tuple[float, float]]

    @property
    def last(self) -> float:
        """The last number."""
        return self.points[-1][1]

    @property
    def largest(self) -> float:
        """The largest number."""
        return max(number for _, number in self.points)


def lines_of(panel: dict[str, Any], answers: Answers) -> list[Line]:
    """The series of all queries, named by their legends.

    Of several, those that are 0 all the time are left out: nothing of them would be seen.
    """
    every = [
        Line(named(target.get("legendFormat", ""), one.labels), one.points)
        for target in panel["targets"]
        for one in sorted(answers[target["refId"]], key=lambda one: sorted(one.labels.items()))
        if one.points
    ]
    return [one for one in every if any(number for _, number in one.points)] or every[:3]


def named(legend: str, labels: Mapping[str, str]) -> str:
    """A series by its labels, as its query says."""
    words = re.sub(r"\{\{(\w+)\}\}", lambda found: labels.get(found[1], ""), legend)
    return " ".join(words.split())
