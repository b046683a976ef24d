"""Where a stream stands: the lowest offset that is not settled, and what is settled above it.

Contiguous means *in the order read*: offsets that the broker never handed over (compaction,
transaction markers) are no holes. A settled record behind an open one waits here; nothing but the
head moves the watermark, so a commit never passes an unsettled record.

Only open records are kept, each with its number in the order read: of two neighbours whose numbers are
not neighbours, what lies between is finished. So thousands that finish behind one that is stuck cost
nothing, and to list what is finished costs a step a record that is open.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from bridge.settle.offset_runs import Range


class Watermark:
    """One stream during one epoch. Pure; owned by the loop.

    ``position`` is the next offset to read after a restart: the lowest unsettled one, or the one after
    the last read when nothing is open. None before the first record.

    Args:
        finished: what an earlier epoch finished above its last commit, rising and apart; it is not read
            yet and stays finished.
    """

    __slots__ = ("_before", "_next_offset", "_open", "_read")

    def __init__(self, finished: Sequence[Range] = ()) -> None:
        self._open: dict[int, int] = {}
        self._read = 0
        self._next_offset: int | None = None
        self._before = deque(finished)

    def distrust(self) -> None:
        """From here on the log is another one than that which an earlier epoch read."""
        self._before.clear()

    def opened(self, offset: int) -> bool:
        """A record was read. Offsets come in rising order.

        Returns:
            False when an earlier epoch finished it: it is settled.

        Raises:
            ValueError: the offset is not above the last one read.
        """
        if self._next_offset is not None and offset < self._next_offset:
            raise ValueError(f"offset {offset} was read after {self._next_offset - 1}")
        self._next_offset = offset + 1
        self._read += 1
        if self._before and self._was_finished(offset):
            return False
        self._open[offset] = self._read
        return True

    def _was_finished(self, offset: int) -> bool:
        before = self._before
        while before and before[0][1] <= offset:
            before.popleft()
        return bool(before) and before[0][0] <= offset

    def settled(self, offset: int) -> None:
        """A record is done with; each offset is settled once.

        Raises:
            KeyError: it is not open.
        """
        del self._open[offset]

    @property
    def position(self) -> int | None:
        """The offset to commit."""
        return next(iter(self._open), self._next_offset)

    def finished(self) -> list[Range]:
        """What is settled above ``position``, rising and apart. A step a record that is open."""
        if self._next_offset is None:
            return []
        ranges: list[Range] = []
        head = next(iter(self._open.items()), None)
        if head is not None:
            ranges = self._between_open(*head)
        return _joined(ranges, self._before, self._next_offset)

    def _between_open(self, offset: int, number: int) -> list[Range]:
        """Finished between two that are open, or behind the last: their numbers are no neighbours."""
        ranges = []
        for next_offset, next_number in self._open.items():
            if next_number > number + 1:
                ranges.append((offset + 1, next_offset))
            offset, number = next_offset, next_number
        if self._read > number and self._next_offset is not None:
            ranges.append((offset + 1, self._next_offset))
        return ranges

    @property
    def finished_ahead(self) -> int:
        """How many settled records wait behind an open one: what a kill would send again without a map."""
        head = next(iter(self._open.values()), self._read + 1)
        return self._read - head + 1 - len(self._open)

    def __repr__(self) -> str:
        return f"<Watermark at {self.position}, {len(self._open)} open, {self.finished_ahead} done behind>"


def _joined(ranges: list[Range], before: deque[Range], next_offset: int) -> list[Range]:
    """With what an earlier epoch finished and nobody has read since."""
    for start, end in before:
        if end <= next_offset:
            continue
        begin = max(start, next_offset)
        if ranges and ranges[-1][1] == begin:
            ranges[-1] = (ranges[-1][0], end)
        else:
            ranges.append((begin, end))
    return ranges
