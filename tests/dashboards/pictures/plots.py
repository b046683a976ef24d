"""Series on axes: lines, stacked areas, the small graph of a tile, lanes of states, a heat map.

Nothing here knows where on a picture the axes are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator

from tests.dashboards.pictures.look import CARD, FAINT, GRID, NAMED, SMALL, series_color, words_of
from tests.dashboards.pictures.seen import Line, Span
from tests.dashboards.pictures.units import tick
from tests.parts.prometheus import Series

_STEP_SECONDS = 1.0
_TICK_SECONDS = (5, 10, 15, 30, 60, 120, 300, 600)
_TICK_WIDTH = 46
_HEADROOM = 1.08
_LONG_SECONDS = 90
_LONG_STEPS = tuple(60.0 * one for one in (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440))


def graph(axes: Axes, panel: dict[str, Any], lines: Sequence[Line], span: Span) -> None:
    """Lines, or areas one upon another, as the panel says."""
    stacked = "stacking" in panel["fieldConfig"]["defaults"]["custom"]
    seconds = np.arange(0, math.floor(span.length) + _STEP_SECONDS, _STEP_SECONDS)
    grid = [_on_grid(one, span, seconds) for one in lines]
    top = _areas(axes, seconds, grid) if stacked else _lines(axes, seconds, grid)
    _limits(axes, panel, top, stacked=stacked)
    _marks(axes, span)
    _value_axis(axes, panel["fieldConfig"]["defaults"]["unit"])
    time_axis(axes, span)


def spark(axes: Axes, line: Line, span: Span, color: str) -> None:
    """The small graph below a tile's number."""
    seconds = [span.since(when) for when, _ in line.points]
    numbers = [number for _, number in line.points]
    low, high = min(0, *numbers, 0), max(*numbers, 0)
    axes.plot(seconds, numbers, color=color, linewidth=1.2)
    axes.fill_between(seconds, numbers, low, color=color, alpha=0.15, linewidth=0)
    axes.set_xlim(0, span.length)
    axes.set_ylim(low, high * 1.05 or 1)
    axes.set_axis_off()


def lanes(axes: Axes, panel: dict[str, Any], lines: Sequence[Line], span: Span) -> None:
    """One lane for each series, in the colors of its states; equal neighbours are one."""
    words = words_of(panel)
    for row, one in enumerate(reversed(lines)):
        for begin, end, value in stretches(one.points):
            left, right = max(0.0, span.since(begin)), min(span.length, span.since(end))
            axes.barh(row, right - left, 0.7, left, color=words[value][1], alpha=0.85)
    axes.set_ylim(-0.6, len(lines) - 0.4)
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    time_axis(axes, span)


def heat(axes: Axes, panel: dict[str, Any], buckets: Sequence[Series], span: Span) -> None:
    """How many fell between a bound and the one before it; empty buckets at the ends are cut."""
    bounds, cells = between_bounds(buckets, span)
    filled = np.flatnonzero(cells.sum(axis=1) > 0)
    first, last = int(filled[0]), int(filled[-1]) + 1
    shown = np.ma.masked_less_equal(cells[first:last], 0)
    edges = np.arange(cells.shape[1] + 1) - 0.5
    axes.pcolormesh(
        edges,
        np.arange(last - first + 1),
        shown,
        cmap="Blues",
        vmin=-0.25 * float(shown.max()),
        rasterized=True,
    )
    unit = panel["options"]["yAxis"]["unit"]
    every = math.ceil((last - first) / 7)
    marked = range(0, last - first, every)
    axes.set_yticks([row + 1 for row in marked], [_bound(bounds[first + row], unit) for row in marked])
    _plain(axes)
    axes.set_xlim(0, span.length)
    time_axis(axes, span)


def between_bounds(buckets: Sequence[Series], span: Span) -> tuple[list[float], np.ndarray[Any, Any]]:
    """The upper bounds in order; how many fell below each and not below the one before, by second."""
    ordered = sorted(buckets, key=lambda one: float(one.labels["le"]))
    seconds = np.arange(0, math.floor(span.length) + _STEP_SECONDS, _STEP_SECONDS)
    whole = np.nan_to_num([_on_grid(Line("", one.points), span, seconds) for one in ordered])
    cells = np.diff(whole, axis=0, prepend=0).clip(min=0)
    return [float(one.labels["le"]) for one in ordered], cells


def stretches(points: Sequence[tuple[float, float]]) -> list[tuple[float, float, float]]:
    """From when to when which value: equal neighbours in one, a gap where there was no answer."""
    found: list[tuple[float, float, float]] = []
    for when, value in points:
        if found and found[-1][2] == value and when - found[-1][1] < _STEP_SECONDS / 2:
            found[-1] = (found[-1][0], when + _STEP_SECONDS, value)
        else:
            found.append((when, when + _STEP_SECONDS, value))
    return found


# Axes


def time_axis(axes: Axes, span: Span) -> None:
    """Minutes and seconds since the start."""
    room = axes.bbox.width / _TICK_WIDTH
    every = next((one for one in _TICK_SECONDS if span.length / one <= room), _TICK_SECONDS[-1])
    axes.xaxis.set_major_locator(MultipleLocator(every))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda at, _: f"{int(at) // 60}:{int(at) % 60:02}"))
    axes.tick_params(axis="x", labelsize=SMALL, labelcolor=FAINT, length=0, pad=7)
    axes.set_xlim(0, span.length)


def _value_axis(axes: Axes, unit: str) -> None:
    axes.yaxis.set_major_locator(_Even(unit))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda number, _: tick(number, unit)))
    axes.grid(visible=True, color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    _plain(axes)


class _Even(MaxNLocator):
    """Ticks that are even in their unit: bytes at powers of 2, times at whole minutes and hours."""

    def __init__(self, unit: str) -> None:
        super().__init__(5, steps=[1, 2, 2.5, 5, 10])
        self._unit = unit

    def tick_values(self, vmin: float, vmax: float) -> Any:
        """From 0 on, four or so."""
        if self._unit == "bytes":
            every = 2.0 ** math.ceil(math.log2(max(vmax, 1) / 5))
        elif self._unit == "s" and vmax > _LONG_SECONDS:
            every = next((one for one in _LONG_STEPS if vmax / one <= 5), _LONG_STEPS[-1])
        else:
            return super().tick_values(vmin, vmax)
        return np.arange(0, vmax + every, every)


def _plain(axes: Axes) -> None:
    axes.set_facecolor(CARD)
    axes.spines[:].set_visible(False)
    axes.tick_params(axis="y", labelsize=SMALL, labelcolor=FAINT, length=0, pad=4)


def _limits(axes: Axes, panel: dict[str, Any], top: float, *, stacked: bool) -> None:
    """From 0 on; thresholds are dashed lines where they are near."""
    high = top * _HEADROOM or 1.0
    for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]:
        if step["value"] is not None and "thresholdsStyle" in panel["fieldConfig"]["defaults"]["custom"]:
            if step["value"] > 4 * high:
                continue
            high = max(high, step["value"] * 1.1)
            axes.axhline(step["value"], color=NAMED[step["color"]], linewidth=1, linestyle=(0, (5, 3)))
    axes.set_ylim(0, high)


def _marks(axes: Axes, span: Span) -> None:
    for mark in span.marks:
        axes.axvline(
            span.since(mark.seconds), color=NAMED[mark.color], linewidth=0.9, linestyle=(0, (2, 2)), alpha=0.8
        )


def _lines(axes: Axes, seconds: Any, grid: Sequence[Any]) -> float:
    for number, numbers in enumerate(grid):
        axes.plot(seconds, numbers, color=series_color(number), linewidth=1.4)
        axes.fill_between(seconds, numbers, 0, color=series_color(number), alpha=0.08, linewidth=0)
    return float(np.nanmax(grid))


def _areas(axes: Axes, seconds: Any, grid: Sequence[Any]) -> float:
    below = np.zeros(len(seconds))
    for number, numbers in enumerate(grid):
        above = below + np.nan_to_num(numbers)
        color = series_color(number)
        axes.fill_between(seconds, above, below, color=color, alpha=0.6, linewidth=0)
        axes.plot(seconds, np.where(above > below, above, np.nan), color=color, linewidth=1)
        below = above
    return float(below.max())


def _on_grid(line: Line, span: Span, seconds: Any) -> Any:
    """A number for each second; none where there was no answer."""
    numbers = np.full(len(seconds), np.nan)
    for when, number in line.points:
        at = round(span.since(when) / _STEP_SECONDS)
        if 0 <= at < len(numbers):
            numbers[at] = number
    return numbers


def _bound(bound: float, unit: str) -> str:
    return "+Inf" if math.isinf(bound) else tick(bound, unit)
