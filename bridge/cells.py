"""Where numbers are kept while they are counted: plain attributes without a lock, owned by the loop."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence


class Cell:
    """One number. ``cell.value += 1`` is all there is to counting."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: float = 0.0

    def __repr__(self) -> str:
        return f"<Cell {self.value}>"


class Histogram:
    """How observations spread over fixed bounds."""

    __slots__ = ("_bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count one observation; clocks that disagree make no negative time."""
        self.observe_all((value,))

    def observe_all(self, values: Sequence[float], per_unit: float = 1.0) -> None:
        """Count observations.

        Args:
            values: in any unit.
            per_unit: what one of that unit is in the unit of the bounds.
        """
        bounds, counts = self._bounds, self.counts
        for value in values:
            if value > 0:
                scaled = value * per_unit
                counts[bisect_left(bounds, scaled)] += 1
                self.total += scaled
            else:
                counts[0] += 1
