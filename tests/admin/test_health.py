"""Liveness is arithmetic on times, nothing else."""

import pytest

from bridge.admin import liveness


@pytest.mark.parametrize(
    ("loop", "threads", "stuck"),
    [
        (100.0, {}, ()),
        (40.0, {}, ()),
        (39.9, {}, ("the loop",)),
        (100.0, {"shop": 40.0}, ()),
        (100.0, {"shop": 39.0, "support": 99.0}, ("source shop",)),
        (10.0, {"shop": 10.0}, ("the loop", "source shop")),
    ],
)
def test_whatever_has_not_turned_within_the_limit_is_stuck(
    loop: float, threads: dict[str, float], stuck: tuple[str, ...]
) -> None:
    """At 100 s with a limit of 60 s; the limit itself is still alive."""
    reasons = liveness(100.0, loop, threads, 60.0)
    assert len(reasons) == len(stuck)
    for reason, words in zip(reasons, stuck, strict=True):
        assert words in reason
