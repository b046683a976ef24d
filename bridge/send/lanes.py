"""The order of events: one lane a key, one event of a lane on its way at a time. Pure; owned by the loop.

``take`` hands out heads of idle lanes, the event that came first before all others: whatever is read
first is finished first, so little is finished behind an unfinished record, and little is sent twice
after a crash. A hot user holds one place at a time like everybody. A lane that takes another turn
(``again``) goes behind all others, so that probes rotate. A step costs the logarithm of the lanes.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Hashable
from itertools import count

from bridge.send.parcel import Lane, LaneState, Parcel


class Lanes:
    """All lanes of one destination.

    Args:
        on_abandoned: told of each parcel whose record was given back before it left.
    """

    def __init__(self, on_abandoned: Callable[[Parcel], None]) -> None:
        self._lanes: dict[Hashable, Lane] = {}
        self._ready: list[tuple[int, Lane]] = []
        self._resting: list[tuple[float, int, int, Lane]] = []
        self._serial = count()
        self._on_abandoned = on_abandoned
        self.resting = 0
        self.waiting = 0

    def __len__(self) -> int:
        return len(self._lanes)

    def add(self, parcel: Parcel, key: Hashable) -> None:
        """Queue an event behind those of its key."""
        parcel.turn = next(self._serial)
        self.waiting += 1
        lane = self._lanes.get(key)
        if lane is not None:
            parcel.lane = lane
            lane.parcels.append(parcel)
            return
        lane = self._lanes[key] = parcel.lane = Lane(key)
        lane.parcels.append(parcel)
        self._queue(lane)

    def _queue(self, lane: Lane) -> None:
        """The lane's head waits for its turn. No two turns are alike, so lanes are never compared."""
        lane.state = LaneState.IDLE
        heapq.heappush(self._ready, (lane.parcels[0].turn, lane))

    def take(self) -> Parcel | None:
        """The head of the lane whose turn it is, now on its way; None when no lane is idle."""
        while self._ready:
            _, lane = heapq.heappop(self._ready)
            if self._skip_fenced(lane):
                lane.state = LaneState.BUSY
                return lane.parcels[0]
        return None

    def _skip_fenced(self, lane: Lane) -> bool:
        """Drop given-back heads; False when the lane ended with them."""
        while lane.parcels:
            head = lane.parcels[0]
            if not head.owner.fenced:
                return True
            self._pop(lane)
            self._on_abandoned(head)
        del self._lanes[lane.key]
        return False

    def _pop(self, lane: Lane) -> None:
        lane.parcels.popleft()
        self.waiting -= 1

    def done(self, parcel: Parcel) -> None:
        """The parcel is final: its lane moves on."""
        lane = parcel.lane
        self._pop(lane)
        if lane.parcels:
            self._queue(lane)
        else:
            del self._lanes[lane.key]

    def again(self, parcel: Parcel) -> None:
        """The parcel's lane waits for another turn, behind the others."""
        parcel.turn = next(self._serial)
        self._queue(parcel.lane)

    def rest(self, parcel: Parcel, until_seconds: float) -> None:
        """The parcel's lane waits for a time."""
        lane = parcel.lane
        lane.state = LaneState.RESTING
        lane.rests += 1
        self.resting += 1
        heapq.heappush(self._resting, (until_seconds, next(self._serial), lane.rests, lane))

    def wake(self, now_seconds: float) -> float | None:
        """Give turns to lanes whose time has come.

        Returns:
            When the next one wakes, None when none rests.
        """
        while self._resting:
            until_seconds, _, rests, lane = self._resting[0]
            if lane.state is not LaneState.RESTING or rests != lane.rests:
                heapq.heappop(self._resting)
                continue
            if until_seconds > now_seconds:
                return until_seconds
            heapq.heappop(self._resting)
            self._rouse(lane)
        return None

    def wake_all(self) -> None:
        """Give turns to all resting lanes, in the order in which they would have woken."""
        self.wake(float("inf"))

    def _rouse(self, lane: Lane) -> None:
        self.resting -= 1
        self._queue(lane)

    def abandon_fenced(self) -> None:
        """Drop every parcel whose record was given back and that is not on its way."""
        for lane in list(self._lanes.values()):
            head_gone = self._thin(lane, keep_head=lane.state is LaneState.BUSY)
            if head_gone and lane.state is LaneState.RESTING:
                self.resting -= 1
                lane.state = LaneState.IDLE
            if not lane.parcels:
                del self._lanes[lane.key]
        idle = (lane for lane in self._lanes.values() if lane.state is LaneState.IDLE)
        self._ready = [(lane.parcels[0].turn, lane) for lane in idle]
        heapq.heapify(self._ready)

    def _thin(self, lane: Lane, *, keep_head: bool) -> bool:
        """Drop the fenced ones; True when the head was among them."""
        old = lane.parcels
        kept = [p for i, p in enumerate(old) if not p.owner.fenced or (keep_head and i == 0)]
        head_gone = not kept or kept[0] is not old[0]
        for parcel in [p for i, p in enumerate(old) if p.owner.fenced and not (keep_head and i == 0)]:
            self._on_abandoned(parcel)
        self.waiting -= len(old) - len(kept)
        lane.parcels = deque(kept)
        return head_gone
