"""Counts, and shows what was counted. The sole importer of prometheus_client.

The loop owns the ``Board`` and its cells: counting is an addition to a plain number, without a lock.
Once in a while the loop publishes a ``Snapshot``, immutable, so that every scrape, on whatever thread,
sees one consistent instant; ``exposition`` turns it into Prometheus text.
"""

from __future__ import annotations

import platform
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate, product
from typing import NamedTuple

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from bridge import __version__
from bridge.cells import Cell, Histogram
from bridge.metric_families import (
    FAMILIES,
    PREFIX,
    CounterName,
    Family,
    GaugeName,
    HistogramName,
    MetricName,
)

LabelValues = tuple[str, ...]

MAX_SERIES_PER_FAMILY = 2_000
OVERFLOW = "__other__"


class Distribution(NamedTuple):
    """What a histogram held at one instant; ``counts`` has one more entry than there are bounds."""

    counts: tuple[int, ...]
    total: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All series at one instant. Shared between threads.

    ``taken_seconds`` is of the monotonic clock (liveness compares it), ``taken_at_seconds`` since 1970.
    """

    taken_seconds: float
    taken_at_seconds: float
    series: Mapping[str, Mapping[LabelValues, float | Distribution]]

    def value(self, name: CounterName | GaugeName, **labels: str) -> float:
        """One number; 0 where nothing was counted."""
        found = self.series.get(name, {}).get(_label_values(FAMILIES[name], labels), 0)
        return found if isinstance(found, float | int) else 0

    def rows(self, name: MetricName) -> list[tuple[dict[str, str], float]]:
        """All series of a counter or gauge with their labels."""
        labels = FAMILIES[name].labels
        return [
            (dict(zip(labels, values, strict=True)), number)
            for values, number in self.series.get(name, {}).items()
            if not isinstance(number, Distribution)
        ]

    def total(self, name: CounterName | GaugeName, **labels: str) -> float:
        """The sum over all series that have these labels."""
        return sum(number for row, number in self.rows(name) if labels.items() <= row.items())


class Board:
    """All cells. Owned by the loop, but for ``latest``, which any thread may call.

    Args:
        monotonic: seconds of a clock that never goes back.
        now: seconds since 1970 UTC.
        max_series: of one family; whatever comes later shares one series, labelled ``__other__``.
    """

    def __init__(
        self,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        max_series: int = MAX_SERIES_PER_FAMILY,
    ) -> None:
        self._monotonic = monotonic
        self._now = now
        self._max_series = max_series
        self._cells: dict[str, dict[LabelValues, Cell]] = {}
        self._histograms: dict[str, dict[LabelValues, Histogram]] = {}
        self._calls: dict[str, dict[LabelValues, Callable[[], float]]] = {}
        for family in FAMILIES.values():
            shelf: dict[str, dict[LabelValues, Histogram]] | dict[str, dict[LabelValues, Cell]]
            shelf = self._histograms if family.kind == "histogram" else self._cells
            shelf[family.name] = {}
        self.prepare()
        self.gauge("build_info", version=__version__, python=platform.python_version()).value = 1
        self._lock = threading.Lock()
        self._latest = self.snapshot()

    def counter(self, name: CounterName, **labels: str) -> Cell:
        """The cell of a counter, to be kept by who counts.

        Raises:
            KeyError: a name, label, or value of a closed label that is not declared.
        """
        return self._cell("counter", name, labels)

    def gauge(self, name: GaugeName, **labels: str) -> Cell:
        """The cell of a gauge; set its value. A gauge has no series before it is asked for.

        Raises:
            KeyError: as ``counter``.
        """
        return self._cell("gauge", name, labels)

    def histogram(self, name: HistogramName, **labels: str) -> Histogram:
        """A histogram's series; call ``observe``.

        Raises:
            KeyError: as ``counter``.
        """
        shelf, family = self._histograms[name], FAMILIES[name]
        values = self._within_bounds(shelf, _label_values(family, labels))
        if values not in shelf:
            shelf[values] = Histogram(family.bounds)
        return shelf[values]

    def watch(self, name: CounterName | GaugeName, call: Callable[[], float], **labels: str) -> None:
        """Ask ``call`` at each snapshot, on the loop, instead of keeping a cell.

        Raises:
            KeyError: as ``counter``.
        """
        self._cells[name].pop(_label_values(FAMILIES[name], labels), None)
        self._calls.setdefault(name, {})[_label_values(FAMILIES[name], labels)] = call

    def replace(self, name: GaugeName, values: Mapping[LabelValues, float]) -> None:
        """All series of a gauge at once, so that those of revoked partitions vanish.

        Args:
            name: the gauge.
            values: label values in declared order → number; an empty mapping takes all series away.

        Raises:
            KeyError: an undeclared name, or a wrong number of labels.
        """
        family, shelf = FAMILIES[name], self._cells[name]
        if any(len(key) != len(family.labels) for key in values):
            raise KeyError(f"{name} has the labels {family.labels}")
        shelf.clear()
        for key, number in values.items():
            shelf.setdefault(self._within_bounds(shelf, key), Cell()).value += number

    def remove(self, name: GaugeName, **labels: str) -> None:
        """Take one series of a gauge away; one that is not there is fine."""
        key = _label_values(FAMILIES[name], labels)
        self._cells[name].pop(key, None)
        self._calls.get(name, {}).pop(key, None)

    def prepare(self, **labels: str) -> None:
        """Begin, at 0, the counters and histograms whose open labels are exactly these.

        Called with ``source=…`` for each source, ``destination=…`` for each destination, ``rule=…``
        and ``rule=…, destination=…`` for each rule: a series that appears with its first error
        would hide that error from ``rate()``.
        """
        for family in FAMILIES.values():
            if family.kind == "gauge" or family.open_labels != labels.keys():
                continue
            known = {**family.closed, **family.foreseen}
            for combination in product(*known.values()):
                self._begin(family, {**labels, **dict(zip(known, combination, strict=True))})

    def snapshot(self) -> Snapshot:
        """Everything as it stands now."""
        series: dict[str, dict[LabelValues, float | Distribution]] = {
            name: {key: cell.value for key, cell in shelf.items()} for name, shelf in self._cells.items()
        }
        for name, calls in self._calls.items():
            series[name].update({key: float(call()) for key, call in calls.items()})
        for name, histograms in self._histograms.items():
            series[name] = {key: Distribution(tuple(h.counts), h.total) for key, h in histograms.items()}
        return Snapshot(self._monotonic(), self._now(), series)

    def publish(self) -> Snapshot:
        """Make what stands now the newest snapshot."""
        snapshot = self.snapshot()
        with self._lock:
            self._latest = snapshot
        return snapshot

    def latest(self) -> Snapshot:
        """The newest published snapshot. Any thread."""
        with self._lock:
            return self._latest

    def _cell(self, kind: str, name: str, labels: dict[str, str]) -> Cell:
        if FAMILIES[name].kind != kind:
            raise KeyError(f"{name} is no {kind}")
        shelf = self._cells[name]
        values = self._within_bounds(shelf, _label_values(FAMILIES[name], labels))
        if values not in shelf:
            shelf[values] = Cell()
        return shelf[values]

    def _begin(self, family: Family, labels: dict[str, str]) -> None:
        values = _label_values(family, labels)
        if family.kind == "histogram":
            self._histograms[family.name].setdefault(values, Histogram(family.bounds))
        else:
            self._cells[family.name].setdefault(values, Cell())

    def _within_bounds(self, shelf: Mapping[LabelValues, object], values: LabelValues) -> LabelValues:
        if values in shelf or len(shelf) < self._max_series:
            return values
        return (OVERFLOW,) * len(values)


def _label_values(family: Family, labels: Mapping[str, str]) -> LabelValues:
    if labels.keys() != set(family.labels):
        raise KeyError(f"{family.name} has the labels {family.labels}, not {tuple(labels)}")
    for label, allowed in family.closed.items():
        if labels[label] not in allowed:
            raise KeyError(f"{family.name}: {label} is one of {allowed}")
    return tuple(labels[label] for label in family.labels)


# Exposition


def exposition(snapshot: Snapshot, accept: str = "") -> tuple[bytes, str]:
    """A snapshot as Prometheus text, with the process's own metrics. Any thread.

    Args:
        snapshot: what to show.
        accept: the request's ``Accept``; OpenMetrics is served to those who ask for it.

    Returns:
        The body and its ``Content-Type``.
    """
    encode, content_type = choose_encoder(accept)
    return encode(_Scrape(snapshot)), content_type


class _Scrape(Collector):
    """One answer to one scrape."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        for family in FAMILIES.values():
            yield _metric(family, self._snapshot.series.get(family.name, {}))
        for collector in _process_collectors():
            yield from collector.collect()


def _process_collectors() -> Iterable[Collector]:
    """Of a registry of their own: the library's global one may hold what others put there."""
    registry = CollectorRegistry()
    return ProcessCollector(registry=registry), PlatformCollector(registry=registry), GCCollector(registry)


def _metric(family: Family, series: Mapping[LabelValues, float | Distribution]) -> Metric:
    name = PREFIX + family.name
    if family.kind == "histogram":
        return _histogram_metric(name, family, series)
    metric = (
        CounterMetricFamily(name, family.help, labels=family.labels)
        if family.kind == "counter"
        else GaugeMetricFamily(name, family.help, labels=family.labels)
    )
    for values, number in series.items():
        if not isinstance(number, Distribution):
            metric.add_metric(values, number)
    return metric


def _histogram_metric(
    name: str, family: Family, series: Mapping[LabelValues, float | Distribution]
) -> Metric:
    metric = HistogramMetricFamily(name, family.help, labels=family.labels)
    bounds = [*map(floatToGoString, family.bounds), "+Inf"]
    for values, distribution in series.items():
        if isinstance(distribution, Distribution):
            buckets = list(zip(bounds, accumulate(distribution.counts), strict=True))
            metric.add_metric(values, buckets, distribution.total)
    return metric
