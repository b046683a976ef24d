"""Which streams wait because lanes under retry hold too much. Pure; owned by the loop.

Such lanes have a share of the source's room. When it is full, the streams that hold the most of it are read
no more: as few as may be, so that the others hold half of the share at the most. So a few poisoned users
stop their own partitions, and nobody else. All flow again when half of the share is free: a pause costs
librdkafka its prefetch.
"""

from __future__ import annotations

from collections.abc import Mapping

from bridge.blocking import NO_WAITS, Waits
from bridge.model import Stream
from bridge.settle.tickets import Load

_RELEASE = 0.5


class Crowding:
    """Of one source. Remembers which streams wait, for the hysteresis.

    Args:
        room: records and bytes that the source may hold.
        share: of the room, for all that stands in lanes under retry.
    """

    def __init__(self, room: Load, share: float) -> None:
        self._room = room
        self._share = share
        self._waiting: frozenset[Stream] = frozenset()

    def is_roomy(self, load: Load) -> bool:
        """The source holds so little that no stream could wait, whatever is under retry."""
        return self._used(load) <= self._share * _RELEASE

    def decide(self, retried: Mapping[Stream, Load], loads: Mapping[Stream, Load]) -> Waits:
        """Look at the source as it stands.

        Args:
            retried: what stands in lanes under retry, by stream; from above.
            loads: what is open of each stream that is ours.
        """
        held = {s: _lesser(load, loads[s]) for s, load in retried.items() if s in loads}
        total = _sum(held)
        used = self._used(total)
        if used <= self._share * _RELEASE:
            self._waiting = frozenset()
        elif used >= self._share:
            self._waiting |= self._largest(held)
        self._waiting = self._waiting.intersection(loads)
        return Waits(self._waiting, total) if held else NO_WAITS

    def _largest(self, held: Mapping[Stream, Load]) -> set[Stream]:
        """As few as may be, so that the others hold half of the share at the most."""
        rest = dict(sorted(held.items(), key=lambda item: self._used(item[1])))
        largest = set()
        while self._used(_sum(rest)) > self._share * _RELEASE:
            largest.add(rest.popitem()[0])
        return largest

    def _used(self, load: Load) -> float:
        return max(load.records / self._room.records, load.bytes / self._room.bytes)


def _lesser(one: Load, other: Load) -> Load:
    return Load(min(one.records, other.records), min(one.bytes, other.bytes))


def _sum(held: Mapping[Stream, Load]) -> Load:
    loads = held.values()
    return Load(sum(load.records for load in loads), sum(load.bytes for load in loads))
