"""When to try again, and when to give up. Pure: clock and randomness are passed in.

An attempt is spent only if another event of the destination was accepted since this event's previous
attempt: while nothing passes, the destination is at fault, and an event cannot run out of attempts.
"""

from __future__ import annotations

from collections.abc import Callable

from bridge.config import Retry


def backoff_seconds(
    attempt: int, base_seconds: float, cap_seconds: float, random: Callable[[], float]
) -> float:
    """Full jitter: anywhere from 0 to ``base × 2^attempt``, at most ``cap``.

    Args:
        attempt: how often it was tried before, from 0.
        base_seconds: the first ceiling.
        cap_seconds: the last one.
        random: uniform in [0, 1).
    """
    return min(cap_seconds, base_seconds * 2.0 ** min(attempt, 30)) * random()


def is_exhausted(attempts: int, age_seconds: float, policy: Retry) -> bool:
    """Both bounds must be reached."""
    return attempts >= policy.max_attempts and age_seconds >= policy.max_age
