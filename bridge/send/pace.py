"""How fast a destination may be asked: requests at a time, events a second. Pure; owned by the loop.

The limit of requests at a time starts at what the configuration allows and follows the destination: cut where
many answers fail or all of them come late, raised again while they are good. A few failures are no sign: one
event in a hundred that gets a 503 must not slow the others down.
"""

from __future__ import annotations

_MIN_ANSWERS = 20
_WINDOW_SECONDS = 1.0
_FAILING_SHARE = 0.1
_CUT = 0.7
_RAISE = 0.1
_USED_SHARE = 0.8
# Late is: twice the best that was seen, and a tenth of a second, which a busy loop alone may take.
_LATE_FACTOR, _LATE_SECONDS = 2.0, 0.1
# What was best is forgotten slowly, so that a server that moved away is no fault for ever.
_FORGET = 1.02
_BURST_SECONDS = 0.1


class ConcurrencyLimit:
    """Additive increase, multiplicative decrease, once for a window of answers.

    Args:
        maximum: requests at a time that the configuration allows.
    """

    __slots__ = (
        "_accepted",
        "_answers",
        "_begun_seconds",
        "_best_seconds",
        "_most",
        "_seconds",
        "maximum",
        "value",
    )

    def __init__(self, maximum: int) -> None:
        self.maximum = maximum
        self.value = maximum
        self._best_seconds = float("inf")
        self._begun_seconds = 0.0
        self._answers = self._accepted = self._most = 0
        self._seconds = 0.0

    def __repr__(self) -> str:
        return f"<ConcurrencyLimit {self.value} of {self.maximum}>"

    def answered(
        self, answers: int, accepted: int, accepted_seconds: float, *, in_flight: int, now_seconds: float
    ) -> None:
        """Take answers in.

        Args:
            answers: how many came.
            accepted: of these, how many are no reason to retry.
            accepted_seconds: how long these took, in all.
            in_flight: requests under way when they came, they included.
            now_seconds: monotonic.
        """
        if not self._answers:
            self._begun_seconds = now_seconds
        self._answers += answers
        self._accepted += accepted
        self._seconds += accepted_seconds
        self._most = max(self._most, in_flight)
        if self._answers < _MIN_ANSWERS:
            return
        if self._answers >= self.value or now_seconds - self._begun_seconds >= _WINDOW_SECONDS:
            self._judge()
            self._answers = self._accepted = self._most = 0
            self._seconds = 0.0

    def _judge(self) -> None:
        failing = self._answers - self._accepted > _FAILING_SHARE * self._answers
        if failing or self._is_late():
            self.value = max(1, int(self.value * _CUT))
        elif self._most >= _USED_SHARE * self.value:
            self.value = min(self.maximum, self.value + max(1, int(self.value * _RAISE)))

    def _is_late(self) -> bool:
        if not self._accepted:
            return False
        mean_seconds = self._seconds / self._accepted
        late = mean_seconds > self._best_seconds * _LATE_FACTOR + _LATE_SECONDS
        self._best_seconds = min(self._best_seconds * _FORGET, mean_seconds)
        return late


class RateLimit:
    """A token bucket: so many events a second, a tenth of a second's worth at once. It begins full.

    Args:
        per_second: events; every request counts, tries included.
    """

    __slots__ = ("_burst", "_per_second", "_seen_seconds", "_tokens")

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._burst = max(1.0, per_second * _BURST_SECONDS)
        self._tokens = self._burst
        self._seen_seconds = float("-inf")

    def __repr__(self) -> str:
        return f"<RateLimit {self._per_second} a second, {self._tokens:.1f} left>"

    def allows(self, now_seconds: float) -> bool:
        """Whether an event may leave now."""
        grown = self._tokens + (now_seconds - self._seen_seconds) * self._per_second
        self._tokens = min(self._burst, grown)
        self._seen_seconds = now_seconds
        return self._tokens >= 1.0

    def use(self, events: int = 1) -> None:
        """Events leave; more than there are tokens for put off the next."""
        self._tokens -= events

    def wakes_at_seconds(self) -> float:
        """When the next event may leave."""
        return self._seen_seconds + max(0.0, 1.0 - self._tokens) / self._per_second
