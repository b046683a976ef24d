"""The connections to one origin: the last used is used first, so that those not needed grow old and go.

Owned by the loop. One timer for all deadlines: a timer for each request would cost as much as its parsing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

import httpx

from bridge.send.http1.connection import Connection
from bridge.send.http1.dialer import Dialer

_SWEEP_SECONDS = 0.25
_SWEEPS_PER_TIMEOUT = 8
_TRUSTED_IDLE_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many connections, and how long: idle (servers mostly give 60 s), and in all (names move)."""

    connections: int = 64
    idle_seconds: float = 30.0
    age_seconds: float = 300.0


@dataclass(frozen=True, slots=True)
class Timeouts:
    """In seconds; None waits for ever."""

    connect: float | None = None
    read: float | None = None
    write: float | None = None
    pool: float | None = None


class Pool:
    """Connections to one origin.

    Args:
        dialer: opens them.
        bounds: how many and how long.
    """

    def __init__(self, dialer: Dialer, bounds: Bounds) -> None:
        self._loop = asyncio.get_running_loop()
        self._dialer = dialer
        self._bounds = bounds
        self._idle: list[Connection] = []
        self._all: set[Connection] = set()
        self._dialing = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._watched: Timeouts | None = None
        self._sweep_seconds = _SWEEP_SECONDS

    async def take(self, timeouts: Timeouts) -> Connection:
        """An idle connection that the server still holds, or a new one.

        Raises:
            PoolTimeout: all were busy for too long.
            ConnectError, ConnectTimeout: a new one could not be opened.
        """
        while True:
            connection = self.take_idle()
            if connection is not None:
                return connection
            if len(self._all) + self._dialing < self._bounds.connections:
                return await self._open(timeouts)
            await self._wait(timeouts.pool)

    def take_idle(self) -> Connection | None:
        """An idle connection that the server still holds, or None."""
        now = self._loop.time()
        while self._idle:
            connection = self._idle.pop()
            trusted = now - connection.idle_since_seconds < _TRUSTED_IDLE_SECONDS
            if not connection.is_closed and (trusted or not connection.is_stale()):
                return connection
        return None

    async def _open(self, timeouts: Timeouts) -> Connection:
        self._dialing += 1
        try:
            opened = await self._dialer.dial(timeouts.connect)
        except BaseException:
            self._dialing -= 1
            self._wake_one()
            raise
        self._dialing -= 1
        connection = Connection(opened, self, self._loop.time())
        self._all.add(connection)
        return connection

    async def _wait(self, timeout_seconds: float | None) -> None:
        turn = self._loop.create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(timeout_seconds):
                await turn
        except TimeoutError:
            self._leave(turn)
            raise httpx.PoolTimeout(f"all connections were busy for {timeout_seconds} s") from None
        except BaseException:
            self._leave(turn)
            raise

    def _leave(self, turn: asyncio.Future[None]) -> None:
        """Out of the queue; a turn that came too late goes to the next."""
        if turn in self._waiting:
            self._waiting.remove(turn)
        elif turn.done() and not turn.cancelled():
            self._wake_one()

    def _wake_one(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    def watch(self, timeouts: Timeouts) -> None:
        """Sweep often enough for these timeouts."""
        if self._timer is not None and timeouts is self._watched:
            return
        self._watched = timeouts
        shortest = min(timeouts.read or _SWEEP_SECONDS * 99, timeouts.write or _SWEEP_SECONDS * 99)
        self._sweep_seconds = min(self._sweep_seconds, max(shortest / _SWEEPS_PER_TIMEOUT, 0.001))
        if self._timer is None:
            self._timer = self._loop.call_later(self._sweep_seconds, self._sweep)

    def _sweep(self) -> None:
        now = self._loop.time()
        for connection in [one for one in self._all if one.deadline_seconds <= now]:
            connection.expire()
        for connection in [one for one in self._idle if self._is_old(one, now)]:
            connection.close()
        self._timer = self._loop.call_later(self._sweep_seconds, self._sweep) if self._all else None

    def _is_old(self, connection: Connection, now_seconds: float) -> bool:
        return now_seconds - connection.idle_since_seconds > self._bounds.idle_seconds

    def idle(self, connection: Connection) -> None:
        """See ``connection.Keeper``."""
        now = self._loop.time()
        if now - connection.opened_seconds > self._bounds.age_seconds:
            connection.close()
            return
        if self._dialer.session is None:
            self._dialer.session = connection.session
        connection.idle_since_seconds = now
        self._idle.append(connection)
        if self._waiting:
            self._wake_one()

    def gone(self, connection: Connection) -> None:
        """See ``connection.Keeper``."""
        self._all.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        if self._waiting:
            self._wake_one()

    def close(self) -> None:
        """Close every connection; what is under way fails."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for connection in list(self._all):
            connection.close()
