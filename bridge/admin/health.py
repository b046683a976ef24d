"""Is the process alive, is it ready: pure, so that the admin thread can tell without asking the loop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Health:
    """What the probes answer; ``reasons`` say why not, one line each, without secrets."""

    live: bool
    ready: bool
    reasons: tuple[str, ...] = ()


def liveness(
    now_seconds: float,
    last_loop_turn_seconds: float,
    consumer_progress_seconds: Mapping[str, float],
    limit_seconds: float,
) -> tuple[str, ...]:
    """Why the process is stuck; empty when it is alive. Brokers and the API have no say in it.

    Args:
        now_seconds: of the monotonic clock.
        last_loop_turn_seconds: when the loop last published a snapshot.
        consumer_progress_seconds: source → its thread's last turn; sources that have not begun, or
            have ended, are left out by the caller.
        limit_seconds: how long a turn may take.
    """
    ages = {
        "the loop": now_seconds - last_loop_turn_seconds,
        **{
            f"the thread of source {name}": now_seconds - at for name, at in consumer_progress_seconds.items()
        },
    }
    return tuple(
        f"{what} has not turned for {age:.0f} s" for what, age in ages.items() if age > limit_seconds
    )
