"""Which events share a request. Pure: no clock, no network.

An array holds the events of a user in their order. Nothing remembers batches: a refused one goes back to its
lanes, each of its events with leave to share a request with half as many, so the guilty one is alone after
log2(n) requests, and the others go on meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence

from bridge.send.lanes import Lanes
from bridge.send.parcel import Parcel

_BRACKETS_BYTES = 2


def gather(lanes: Lanes, most_events: int, most_bytes: int) -> list[Parcel]:
    """Take the events of the next request: heads by their turn, then those behind them, round and round.

    Args:
        lanes: where they wait.
        most_events: of one request.
        most_bytes: of its body; a single event may have more.
    """
    batch = _Batch(most_events, most_bytes)
    while batch.has_room and (head := lanes.take()):
        if not batch.takes(head):
            lanes.back(head)
            break
    last = list(batch.parcels)
    while last and batch.has_room:
        following = [parcel.behind for parcel in last]
        last = [one for one in following if one and not one.owner.fenced and batch.takes(one)]
    return batch.parcels


class _Batch:
    def __init__(self, most_events: int, most_bytes: int) -> None:
        self.parcels: list[Parcel] = []
        self._most_events = most_events
        self._room_bytes = most_bytes - _BRACKETS_BYTES

    @property
    def has_room(self) -> bool:
        return len(self.parcels) < self._most_events

    def takes(self, parcel: Parcel) -> bool:
        size_bytes = len(parcel.event.body) + 1
        count = len(self.parcels) + 1
        if self.parcels and (
            size_bytes > self._room_bytes or count > self._most_events or parcel.company < count
        ):
            return False
        self.parcels.append(parcel)
        self._room_bytes -= size_bytes
        self._most_events = min(self._most_events, parcel.company)
        return True


def body_of(parcels: Sequence[Parcel]) -> bytes:
    """The request's body: the event itself, or a JSON array of several."""
    if len(parcels) == 1:
        return parcels[0].event.body
    return b"[%b]" % b",".join([parcel.event.body for parcel in parcels])


def heads(parcels: Sequence[Parcel]) -> list[Parcel]:
    """The first of each lane: with it the lane goes back."""
    first: dict[object, Parcel] = {}
    for parcel in parcels:
        first.setdefault(parcel.key, parcel)
    return list(first.values())


def runs(parcels: Sequence[Parcel]) -> list[tuple[Parcel, int]]:
    """The last of each lane, and how many of the lane there are: behind it the lane goes on."""
    counts: dict[object, int] = {}
    last: dict[object, Parcel] = {}
    for parcel in parcels:
        counts[parcel.key] = counts.get(parcel.key, 0) + 1
        last[parcel.key] = parcel
    return [(parcel, counts[key]) for key, parcel in last.items()]
