"""Which streams wait for a blocked destination, and which flow on. Pure; owned by the loop.

A stream waits when every destination that it feeds is blocked, and when events that wait for a blocked one
have filled that destination's share of the source's room. It flows again when the destination opens, or
when half of the share is free: a pause costs librdkafka its prefetch.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from bridge.model import Stream
from bridge.settle.tickets import Load

_RELEASE = 0.5


class Waits(NamedTuple):
    """What comes of it: streams to hold back, and how much of the room waits for blocked destinations."""

    streams: frozenset[Stream]
    load: Load


NO_WAITS = Waits(frozenset(), Load(0, 0))


class Blocking:
    """Of one source. Remembers which shares are full, for the hysteresis.

    Args:
        room: records and bytes that the source may hold.
        share: of the room, for each blocked destination.
    """

    def __init__(self, room: Load, share: float) -> None:
        self._room = room
        self._share = share
        self._full: set[str] = set()

    def decide(
        self,
        feeds: Mapping[Stream, AbstractSet[str]],
        loads: Mapping[Stream, Load],
        blocked: Mapping[str, int],
    ) -> Waits:
        """Look at the source as it stands.

        Args:
            feeds: the destinations that each stream has had events for.
            loads: what is open of each stream that is ours.
            blocked: destination → events that wait for it; those without any must get new ones to probe.
        """
        self._full.intersection_update(blocked)
        ours = feeds_of(loads, feeds)
        waiting = {name: _waiting(name, events, ours, loads) for name, events in blocked.items()}
        for name, load in waiting.items():
            self._note(name, max(load.records / self._room.records, load.bytes / self._room.bytes))
        held = (
            s for s, fed in ours.items() if fed and (fed <= blocked.keys() or not fed.isdisjoint(self._full))
        )
        return Waits(frozenset(held), _sum(waiting.values()))

    def _note(self, name: str, used: float) -> None:
        if used >= self._share:
            self._full.add(name)
        elif used <= self._share * _RELEASE:
            self._full.discard(name)


def feeds_of(
    streams: Iterable[Stream], feeds: Mapping[Stream, AbstractSet[str]]
) -> dict[Stream, AbstractSet[str]]:
    """What each stream feeds; one that has had no event yet is taken to be like the others of its topic."""
    by_name: defaultdict[str, set[str]] = defaultdict(set)
    for stream, fed in feeds.items():
        by_name[stream.name] |= fed
    return {stream: feeds.get(stream) or by_name[stream.name] for stream in streams}


def _waiting(
    name: str, events: int, feeds: Mapping[Stream, AbstractSet[str]], loads: Mapping[Stream, Load]
) -> Load:
    """What waits for a destination, from above: no more than its feeders hold, no more records than events.

    Lanes count events, not records or bytes; all records of a stream are taken to weigh the same.
    """
    held = _sum(loads[stream] for stream, fed in feeds.items() if name in fed)
    records = min(events, held.records)
    return Load(records, held.bytes * records // held.records if held.records else 0)


def _sum(loads: Iterable[Load]) -> Load:
    total = list(loads)
    return Load(sum(load.records for load in total), sum(load.bytes for load in total))
