"""From samples to figures: rates, costs, medians, ratios. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

TICK_SECONDS = 0.1
FIRST_SHARE, LAST_SHARE = 0.2, 0.95

Figures = dict[str, float | None]
"""What one run gave; None where it could not be measured."""


class Sample(NamedTuple):
    """One look at a run."""

    at: float
    accepted: int
    cpu_seconds: float


def steady_rate(timeline: Sequence[int], events: int) -> float | None:
    """Events a second between a fifth and 95 % of them; start and end are others' business.

    Args:
        timeline: events accepted in each tick of a tenth of a second.
        events: how many there are in all.
    """
    begin = _reached(timeline, events * FIRST_SHARE)
    end = _reached(timeline, events * LAST_SHARE)
    if begin is None or end is None or end <= begin:
        return None
    return events * (LAST_SHARE - FIRST_SHARE) / (end - begin)


def _reached(timeline: Sequence[int], wanted: float) -> float | None:
    """Seconds until so many had been accepted, a tick taken as even."""
    for tick, total in enumerate(accumulate(timeline)):
        if total >= wanted:
            missing = total - wanted
            return (tick + 1 - missing / timeline[tick]) * TICK_SECONDS
    return None


def cost_us(samples: Sequence[Sample], events: int, *, since: float = FIRST_SHARE) -> float | None:
    """CPU microseconds an event, from the first look with that share accepted to the first with all."""
    begin = next((one for one in samples if one.accepted >= events * since), None)
    end = next((one for one in samples if one.accepted >= events), None)
    if begin is None or end is None or end.accepted <= begin.accepted:
        return None
    return (end.cpu_seconds - begin.cpu_seconds) / (end.accepted - begin.accepted) * 1e6


def medians(runs: Sequence[Mapping[str, float | None]]) -> Figures:
    """Of each figure, over the runs that have it."""
    names = dict.fromkeys(name for run in runs for name in run)
    return {name: _median([run.get(name) for run in runs]) for name in names}


def ratio(of: Mapping[int, float | None], to: Mapping[int, float | None]) -> float | None:
    """The median of ratios, each within one round; None when no round has both."""
    pairs = [(of[key], to[key]) for key in of if key in to]
    return _median([mine / other if mine is not None and other else None for mine, other in pairs])


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None
