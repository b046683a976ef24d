"""Which lanes fail again and again, and what stands in them. Pure; owned by the loop.

One failure is no sign. A lane whose head has failed twice is under retry until one of its events is taken or
refused; when the head runs out of attempts, the next one takes over. What is not under retry costs nothing
here. Those that stand in such a lane are counted when somebody asks, each once: the count goes on where it
ended, for a lane grows at its end only.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable

from bridge.model import Stream
from bridge.send.parcel import Owner, Parcel

FAILURES = 2

Weigh = Callable[[Owner], tuple[Stream, int]]
"""The stream and the bytes of an event's record."""


class _Lane:
    """``last`` is the last event that was counted."""

    __slots__ = ("head", "held", "last")

    def __init__(self, head: Parcel) -> None:
        self.head = head
        self.last: Parcel | None = None
        self.held: dict[Stream, tuple[int, int]] = {}

    def recount(self) -> None:
        self.last = None
        self.held = {}

    def count(self, weigh: Weigh) -> None:
        """Events of one record stand one behind the other: it is counted with the first of them."""
        last = self.last
        following: Parcel | None = self.head if last is None else last.behind
        while following is not None:
            if last is None or following.owner is not last.owner:
                stream, size_bytes = weigh(following.owner)
                _add(self.held, stream, 1, size_bytes)
            last, following = following, following.behind
        self.last = last


class Retries:
    """The lanes of one destination that are under retry.

    ``changed`` is true once a lane came or went, until who watches sets it back.
    """

    def __init__(self) -> None:
        self.lanes: dict[Hashable, _Lane] = {}
        self.changed = False

    def failed(self, head: Parcel) -> None:
        """The head of a lane is to be tried again."""
        if head.tries >= FAILURES:
            self._note(head)

    def ended(self, parcels: Iterable[Parcel]) -> None:
        """These were taken or refused: their lanes move."""
        for parcel in parcels:
            if self.lanes.pop(parcel.key, None) is not None:
                self.changed = True

    def exhausted(self, following: Parcel | None) -> None:
        """The head before this one was given up: nothing speaks for the lane yet."""
        if following is not None:
            self._note(following)

    def abandoned(self, parcel: Parcel) -> None:
        """An event was taken out of its lane."""
        lane = self.lanes.get(parcel.key)
        if lane is None:
            return
        if lane.head is parcel:
            del self.lanes[parcel.key]
            self.changed = True
        else:
            lane.recount()

    def _note(self, head: Parcel) -> None:
        lane = self.lanes.get(head.key)
        if lane is None or lane.head is not head:
            self.lanes[head.key] = _Lane(head)
            self.changed = True

    def held(self, weigh: Weigh) -> dict[Stream, tuple[int, int]]:
        """Records and bytes that stand in lanes under retry, by stream."""
        total: dict[Stream, tuple[int, int]] = {}
        for lane in self.lanes.values():
            lane.count(weigh)
            for stream, (records, size_bytes) in lane.held.items():
                _add(total, stream, records, size_bytes)
        return total


def _add(held: dict[Stream, tuple[int, int]], stream: Stream, records: int, size_bytes: int) -> None:
    before = held.get(stream, (0, 0))
    held[stream] = (before[0] + records, before[1] + size_bytes)
