"""One event on its way, and the lane it stands in."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from enum import Enum
from typing import Protocol

from bridge.model import Attempts, Event


class Owner(Protocol):
    """Whose event it is. ``fenced`` turns true when the record was given back meanwhile."""

    fenced: bool


class LaneState(Enum):
    """Where a lane's head stands."""

    IDLE = 1
    """It waits for its turn."""
    BUSY = 2
    """It is on its way."""
    RESTING = 3
    """It waits for a time."""


class Lane:
    """The queue of one ordering key; ``rests`` tells a stale wake-up from a current one."""

    __slots__ = ("key", "parcels", "rests", "state")

    def __init__(self, key: Hashable) -> None:
        self.key = key
        self.parcels: deque[Parcel] = deque()
        self.state = LaneState.IDLE
        self.rests = 0

    def __repr__(self) -> str:
        return f"<Lane {self.state.name.lower()}, {len(self.parcels)} waiting>"


class Parcel:
    """What befell one event so far.

    ``tries`` counts answers, ``attempts`` those that were spent. ``seen`` and ``blocked_seen`` are the
    destination's count of acceptances at the last answer of that kind. ``turn`` orders those that wait.
    ``part`` is the event's index among the parts of its record.
    """

    __slots__ = (
        "attempts",
        "blocked_answers",
        "blocked_seen",
        "created_seconds",
        "event",
        "first_failed_ms",
        "lane",
        "owner",
        "part",
        "seen",
        "tries",
        "turn",
    )

    def __init__(self, event: Event, owner: Owner, created_seconds: float, part: int = 0) -> None:
        self.event = event
        self.owner = owner
        self.part = part
        self.created_seconds = created_seconds
        self.lane: Lane
        self.attempts = 0
        self.tries = 0
        self.turn = 0
        self.seen = 0
        self.blocked_answers = 0
        self.blocked_seen = -1
        self.first_failed_ms: int | None = None

    def resume(self, past: Attempts, now_ms: float) -> None:
        """Go on where an earlier delivery of the record ended: its retry budget is not given anew.

        Args:
            past: what was spent then.
            now_ms: time of day, in ms since 1970.
        """
        self.attempts, self.tries, self.first_failed_ms = past
        if past.first_failed_ms is not None:
            self.created_seconds -= max(now_ms - past.first_failed_ms, 0.0) / 1000

    @property
    def spent(self) -> Attempts:
        """What ``resume`` needs to know."""
        return Attempts(self.attempts, self.tries, self.first_failed_ms)
