"""Where sending has its times from; tests bring a clock of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Where times come from."""

    def monotonic(self) -> float:
        """Seconds that only grow."""
        ...

    def now(self) -> datetime:
        """Aware time of day."""
        ...

    def call_later(self, delay_seconds: float, call: Callable[[], None]) -> asyncio.TimerHandle:
        """Call on the loop when so much of ``monotonic`` has passed."""
        ...


class LoopClock:
    """A loop's clock and the machine's time of day.

    Args:
        loop: asked once here, for to ask which loop is running is a call of the kernel each time.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def monotonic(self) -> float:
        """The loop's time in seconds."""
        return self._loop.time()

    def now(self) -> datetime:
        """UTC."""
        return datetime.now(UTC)

    def call_later(self, delay_seconds: float, call: Callable[[], None]) -> asyncio.TimerHandle:
        """The loop's timer."""
        return self._loop.call_later(delay_seconds, call)
