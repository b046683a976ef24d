"""How long a schema is waited for: a registry that does not answer for ever, an id it lacks 60 s.

An id may be unknown for a moment because a follower of the registry lags behind. Pure: clock and
randomness are passed in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

UNKNOWN_SECONDS = 60.0
_BASE_SECONDS = 0.25
_CAP_SECONDS = 10.0
_LEAST = 0.5


@dataclass(frozen=True, slots=True)
class Wait:
    """What was tried for one schema; ``unknown_since_seconds`` is when the registry first said so."""

    attempts: int = 0
    unknown_since_seconds: float | None = None

    def unanswered(self) -> Wait:
        """The registry did not answer."""
        return Wait(self.attempts + 1, self.unknown_since_seconds)

    def unknown(self, now_seconds: float) -> Wait:
        """The registry has no such schema."""
        since = now_seconds if self.unknown_since_seconds is None else self.unknown_since_seconds
        return Wait(self.attempts + 1, since)

    def is_over(self, now_seconds: float) -> bool:
        """Whether an id that is unknown now counts as unknown for good."""
        since = self.unknown_since_seconds
        return since is not None and now_seconds - since >= UNKNOWN_SECONDS

    def delay_seconds(self, now_seconds: float, random: Callable[[], float]) -> float:
        """Until the next attempt: exponential with jitter, and never past the end of the wait."""
        delay: float = min(_CAP_SECONDS, _BASE_SECONDS * 2 ** min(self.attempts, 10))
        delay *= _LEAST + (1 - _LEAST) * random()
        if self.unknown_since_seconds is None:
            return delay
        return min(delay, max(0.0, self.unknown_since_seconds + UNKNOWN_SECONDS - now_seconds))
