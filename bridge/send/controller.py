"""Tells an outage from poison: one controller a destination. Pure; owned by the loop.

Open: events leave, up to the concurrency limit. Blocked: the destination itself is at fault; one real
event at a time probes it, the probes rotate over the lanes, no attempt is spent and nothing is
dead-lettered. The first acceptance opens it again.

* 401 403 404 405 3xx block when two lanes got such an answer with no acceptance between them, or when
  there is no other lane. An event so answered three times while others were accepted in between is
  refused: for everybody it is an outage, for one event while others pass it is poison.
* Retryable answers from two lanes or more, ten in a row with no acceptance: the same, as ``breaker``. While
  retries fill their share of a source's room, one lane is enough.
* ``Retry-After`` and 429 hold the destination for that time.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from enum import Enum
from http import HTTPStatus

import msgspec

from bridge.config import Retry
from bridge.model import Reason
from bridge.send.parcel import Parcel
from bridge.send.retry import backoff_seconds, is_exhausted
from bridge.send.verdict import Kind, Verdict

BREAKER_STRIKES = 10
POISON_ANSWERS = 3
SHARED_FAILURES = 2
_PROBE_BASE_SECONDS = 0.5
_PROBE_CAP_SECONDS = 5.0


class Next(Enum):
    """What becomes of the event that was answered."""

    DELIVERED = 1
    DEAD = 2
    REST = 3
    """Again after ``rest_seconds``."""
    TURN = 4
    """Again when its lane's turn comes: the destination, not the event, waits."""
    SPLIT = 5
    """Again at once, in smaller company: a request of several events says little of one of them."""


class Decision(msgspec.Struct, frozen=True):
    """``changed`` is true when the destination was blocked or opened by this answer."""

    next: Next
    reason: Reason | None = None
    rest_seconds: float = 0.0
    changed: bool = False


_DELIVERED = Decision(Next.DELIVERED)
_SPLIT = Decision(Next.SPLIT)


class Controller:
    """The state of one destination. Times are monotonic seconds, passed in.

    ``blocked_reason`` is empty while open, else from the closed set auth, address, html, breaker.
    ``is_crowded`` is set from outside, while retries fill their share of the room of a source that it feeds.
    """

    def __init__(self, policy: Retry, random: Callable[[], float]) -> None:
        self._policy = policy
        self._random = random
        self._suspects: set[Hashable] = set()
        self._strikes: set[Hashable] = set()
        self._strike_count = 0
        self._probes = 0
        self.accepted = 0
        self.blocked_reason = ""
        self.is_crowded = False
        self.next_probe_seconds = 0.0
        self.held_until_seconds = 0.0

    def __repr__(self) -> str:
        return f"<Controller {self.blocked_reason or 'open'}, {self.accepted} accepted>"

    def allowance(self, limit: int, now_seconds: float) -> int:
        """How many requests may be under way now."""
        if now_seconds < self.held_until_seconds:
            return 0
        if not self.blocked_reason:
            return limit
        return 1 if now_seconds >= self.next_probe_seconds else 0

    def wakes_at_seconds(self) -> float:
        """When ``allowance`` may grow by time alone."""
        return max(self.held_until_seconds, self.next_probe_seconds if self.blocked_reason else 0.0)

    def decide(self, parcel: Parcel, verdict: Verdict, now_seconds: float, *, alone: bool) -> Decision:
        """Take an answer in.

        Args:
            parcel: the event that was answered; its counts are brought up to date.
            verdict: what the answer means.
            now_seconds: the time of the answer.
            alone: no other lane has an event to compare with.
        """
        if verdict.kind is Kind.DELIVERED:
            return self._accept()
        parcel.tries += 1
        if verdict.kind is Kind.REFUSED:
            self.next_probe_seconds = now_seconds
            return Decision(Next.DEAD, Reason.REFUSED)
        if verdict.kind is Kind.BLOCKED:
            return self._suspect(parcel, verdict, now_seconds, alone=alone)
        return self._retry(parcel, verdict, now_seconds)

    def decide_shared(
        self, parcels: Sequence[Parcel], verdict: Verdict, now_seconds: float, *, alone: bool
    ) -> Decision:
        """Take in the answer to a request of several events; it speaks for one lane, that of the first.

        No attempt is spent and nothing is dead-lettered by it: whoever is at fault is found in smaller
        company, and after two failures each event goes by itself.
        """
        if verdict.kind is Kind.DELIVERED:
            return self._accept(len(parcels))
        for parcel in parcels:
            parcel.tries += 1
        if verdict.kind is Kind.RETRY and verdict.status != HTTPStatus.MULTI_STATUS:
            return self._retry_shared(parcels, verdict, now_seconds)
        several = verdict.kind is not Kind.RETRY
        for parcel in parcels:
            parcel.company = max(1, len(parcels) // 2) if several else 1
        self.next_probe_seconds = now_seconds
        if verdict.kind is not Kind.BLOCKED:
            return _SPLIT
        self._suspects.add(parcels[0].key)
        if alone or self.blocked_reason or len(self._suspects) > 1:
            return Decision(Next.TURN, changed=self._block(verdict.reason, now_seconds))
        return _SPLIT

    def _retry_shared(self, parcels: Sequence[Parcel], verdict: Verdict, now_seconds: float) -> Decision:
        first = parcels[0]
        if verdict.is_free:
            wait_seconds = verdict.retry_after_seconds
            self._hold(now_seconds, self._pause_of(first) if wait_seconds is None else wait_seconds)
            return Decision(Next.TURN)
        for parcel in parcels:
            parcel.shared_failures += 1
            if parcel.shared_failures >= SHARED_FAILURES:
                parcel.company = 1
        return self._strike(first, now_seconds)

    def accept_calmly(self, count: int) -> bool:
        """Count so many acceptances where they change nothing else; False where ``decide`` must be asked."""
        if self._strike_count or self._suspects or self.blocked_reason:
            return False
        self.accepted += count
        return True

    def _accept(self, count: int = 1) -> Decision:
        self.accepted += count
        if not self._strike_count and not self._suspects and not self.blocked_reason:
            return _DELIVERED
        changed = bool(self.blocked_reason)
        self.blocked_reason = ""
        self._suspects.clear()
        self._strikes.clear()
        self._strike_count = self._probes = 0
        return Decision(Next.DELIVERED, changed=changed)

    def _suspect(self, parcel: Parcel, verdict: Verdict, now_seconds: float, *, alone: bool) -> Decision:
        if parcel.blocked_seen != self.accepted:
            parcel.blocked_seen = self.accepted
            parcel.blocked_answers += 1
        if parcel.blocked_answers >= POISON_ANSWERS:
            return Decision(Next.DEAD, Reason.REFUSED)
        self._suspects.add(parcel.key)
        if alone or self.blocked_reason or len(self._suspects) > 1:
            return Decision(Next.TURN, changed=self._block(verdict.reason, now_seconds))
        return Decision(Next.REST, rest_seconds=self._pause_of(parcel))

    def _retry(self, parcel: Parcel, verdict: Verdict, now_seconds: float) -> Decision:
        if verdict.is_free:
            wait_seconds = verdict.retry_after_seconds
            self._hold(now_seconds, self._pause_of(parcel) if wait_seconds is None else wait_seconds)
            return Decision(Next.TURN)
        if self.accepted > parcel.seen:
            parcel.attempts += 1
        parcel.seen = self.accepted
        if is_exhausted(parcel.attempts, now_seconds - parcel.created_seconds, self._policy):
            return Decision(Next.DEAD, Reason.RETRIES_EXHAUSTED)
        return self._strike(parcel, now_seconds)

    def _strike(self, parcel: Parcel, now_seconds: float) -> Decision:
        self._strikes.add(parcel.key)
        self._strike_count += 1
        is_outage = self._strike_count >= BREAKER_STRIKES and (len(self._strikes) > 1 or self.is_crowded)
        if self.blocked_reason or is_outage:
            return Decision(Next.TURN, changed=self._block("breaker", now_seconds))
        return Decision(Next.REST, rest_seconds=self._pause_of(parcel))

    def _pause_of(self, parcel: Parcel) -> float:
        return backoff_seconds(parcel.tries - 1, self._policy.base, self._policy.cap, self._random)

    def _hold(self, now_seconds: float, wait_seconds: float) -> None:
        self.held_until_seconds = max(self.held_until_seconds, now_seconds + wait_seconds)

    def _block(self, reason: str, now_seconds: float) -> bool:
        """Block, or put off the next probe; True when the reason is news.

        Requests that were under way when it closed come back late: they are no probes.
        """
        changed = self.blocked_reason != reason
        late = bool(self.blocked_reason) and now_seconds < self.next_probe_seconds
        self.blocked_reason = reason
        if late:
            return changed
        ceiling = min(_PROBE_CAP_SECONDS, _PROBE_BASE_SECONDS * 2.0 ** min(self._probes, 10))
        self._probes += 1
        self.next_probe_seconds = now_seconds + ceiling * (0.5 + self._random() / 2)
        return changed
