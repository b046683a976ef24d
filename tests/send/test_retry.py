"""Backoff and giving up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bridge.config import Retry
from bridge.send.retry import backoff_seconds, is_exhausted

POLICY = Retry.model_validate({"max_attempts": 3, "max_age": "10s"})


@given(st.integers(0, 10_000), st.floats(0, 1, exclude_max=True))
def test_backoff_stays_below_its_ceiling(attempt: int, random: float) -> None:
    """Full jitter under an exponential, capped."""
    seconds = backoff_seconds(attempt, 0.2, 5.0, lambda: random)

    assert 0 <= seconds <= min(5.0, 0.2 * 2 ** min(attempt, 60))


def test_backoff_doubles() -> None:
    """At one draw of the dice the ceiling shows."""
    assert [backoff_seconds(n, 0.2, 5.0, lambda: 1.0) for n in range(6)] == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0]


def test_both_bounds_must_be_reached() -> None:
    """Neither many quick attempts nor a long age alone ends an event."""
    assert not is_exhausted(99, 9.9, POLICY)
    assert not is_exhausted(2, 9999.0, POLICY)
    assert is_exhausted(3, 10.0, POLICY)
