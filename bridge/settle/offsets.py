"""Where a stream stands: the lowest offset that is not settled.

Contiguous means *in the order read*: offsets that the broker never handed over (compaction,
transaction markers) are no holes. A settled record behind an open one waits here; nothing but the
head moves the watermark, so a commit never passes an unsettled record.
"""

from __future__ import annotations

from collections import deque


class Watermark:
    """One stream during one epoch. Pure; owned by the loop.

    ``position`` is the next offset to read after a restart: the lowest unsettled one, or the one after
    the last read when nothing is open. None before the first record.
    """

    __slots__ = ("_done", "_next_offset", "_open")

    def __init__(self) -> None:
        self._open: deque[int] = deque()
        self._done: set[int] = set()
        self._next_offset: int | None = None

    def opened(self, offset: int) -> None:
        """A record was read. Offsets come in rising order.

        Raises:
            ValueError: the offset is not above the last one read.
        """
        if self._next_offset is not None and offset < self._next_offset:
            raise ValueError(f"offset {offset} was read after {self._next_offset - 1}")
        self._open.append(offset)
        self._next_offset = offset + 1

    def settled(self, offset: int) -> None:
        """A record is done with; each offset is settled once."""
        head = self._open
        if head[0] != offset:
            self._done.add(offset)
            return
        head.popleft()
        while head and head[0] in self._done:
            self._done.remove(head.popleft())

    @property
    def position(self) -> int | None:
        """The offset to commit."""
        return self._open[0] if self._open else self._next_offset

    @property
    def finished_ahead(self) -> int:
        """How many settled records wait behind an open one: what a kill would send again."""
        return len(self._done)

    def __repr__(self) -> str:
        return f"<Watermark at {self.position}, {len(self._open)} behind, {len(self._done)} of them done>"
