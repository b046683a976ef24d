"""What a Prometheus answers to the queries of a dashboard, as Grafana would ask them."""

from __future__ import annotations

import math
from pathlib import Path

from tests.dashboards.files import Asked, all_chosen, expanded, load
from tests.parts.prometheus import SCRAPE_SECONDS, Prometheus, Series

_STEP_SECONDS = 1


class Asking:
    """Asks one Prometheus about the time from ``start`` to ``end`` (seconds since 1970)."""

    def __init__(self, prometheus: Prometheus, start: float, end: float) -> None:
        self._prometheus = prometheus
        self._start, self._end = start, end

    def values(self, file: Path) -> dict[str, str]:
        """Every variable's value: all that can be chosen is, and intervals are as Grafana makes them."""
        return {
            **all_chosen(load(file)),
            "__rate_interval": f"{4 * SCRAPE_SECONDS + _STEP_SECONDS}s",
            "__range": f"{self._end - self._start:.0f}s",
            "__interval_ms": str(1000 * _STEP_SECONDS),
        }

    def over_the_story(self, file: Path, asked: Asked) -> list[Series]:
        """Each series that had a number at any time; raises ``QueryFailed``."""
        found = self._prometheus.over(
            expanded(asked.expression, self.values(file)), self._start, self._end, _STEP_SECONDS
        )
        return [one for one in map(_finite, found) if one.points]

    def at_the_end(self, file: Path, asked: Asked) -> list[Series]:
        """The same at the last moment only."""
        found = self._prometheus.over(expanded(asked.expression, self.values(file)), self._end, self._end)
        return [one for one in map(_finite, found) if one.points]

    def choices(self, file: Path, label: str, series: str) -> list[str]:
        """What a variable has to choose from."""
        return self._prometheus.label_values(label, expanded(series, self.values(file)))


def _finite(series: Series) -> Series:
    return Series(series.labels, [pair for pair in series.points if math.isfinite(pair[1])])
