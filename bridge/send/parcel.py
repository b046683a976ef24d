"""One event on its way, and the place it has behind others of its key."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Protocol

from bridge.model import Attempts, Event

_ANY_COMPANY = 1_000_000


class Owner(Protocol):
    """Whose event it is. ``fenced`` turns true when the record was given back meanwhile."""

    fenced: bool


class Parcel:
    """What befell one event so far.

    Args:
        event: what is sent.
        owner: its record, as far as sending must know it.
        key: of its order: events of one key leave one after the other.
        share: of what it takes turns with others (its topic or queue).
        part: its index among the parts of its record.
        created_seconds: monotonic.
        attempts: answers that were spent.
        tries: all answers.
        seen: the destination's count of acceptances at the last retryable answer.
        blocked_answers: answers that speak of the destination while others were accepted.
        blocked_seen: the count of acceptances at the last of these.
        first_failed_ms: time of day of the first failure, ms since 1970.
        company: with how many events it may share a request at the most; 1: with none.
        shared_failures: retryable answers to requests that it shared.
        turn: orders those that wait.
        behind: the next one of its key.
    """

    __slots__ = (
        "attempts",
        "behind",
        "blocked_answers",
        "blocked_seen",
        "company",
        "created_seconds",
        "event",
        "first_failed_ms",
        "key",
        "owner",
        "part",
        "seen",
        "share",
        "shared_failures",
        "tries",
        "turn",
    )

    def __init__(
        self, event: Event, owner: Owner, key: Hashable, share: Hashable, part: int, created_seconds: float
    ) -> None:
        self.event = event
        self.owner = owner
        self.key = key
        self.share = share
        self.part = part
        self.created_seconds = created_seconds
        self.attempts = self.tries = self.seen = self.blocked_answers = self.shared_failures = self.turn = 0
        self.blocked_seen = -1
        self.first_failed_ms: int | None = None
        self.company = _ANY_COMPANY
        self.behind: Parcel | None = None

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
