"""The connections to one origin: the last used is used first, so that those not needed grow old and go.

Owned by the loop. One timer for all deadlines: a timer for each request would cost as much as its parsing.
Who waits is served in turn: a connection that becomes idle, or the room of one that went, is handed over and
never lies open to who comes later.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

import httpx

from bridge.send.http1.connection import Connection
from bridge.send.http1.dialer import Dialer

_SWEEP_SECONDS = 0.25
_SHORTEST_SWEEP_SECONDS = 0.001
_SWEEPS_PER_TIMEOUT = 8
_NEVER = float("inf")
_TRUSTED_AFTER = 100
"""Reuses in a row that found no connection hung up behind its answer."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many connections, and how long: idle (servers mostly give 60 s), and in all (names move)."""

    connections: int = 64
    idle_seconds: float = 30.0
    age_seconds: float = 300.0


@dataclass(frozen=True, slots=True)
class Timeouts:
    """In seconds; None, or infinity, waits for ever."""

    connect: float | None = None
    read: float = _NEVER
    write: float = _NEVER
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
        # Room taken for connections that are being opened, or that were promised to who waited.
        self._opening = 0
        # Each gets an idle connection, or None: room for a new one.
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._watched: Timeouts | None = None
        self._sweep_seconds = _SWEEP_SECONDS
        self._is_closed = False
        self._trust = 0
        self._round = self._next_round = 0
        self._round_used = self._ticking = False

    async def take(self, timeouts: Timeouts) -> Connection:
        """An idle connection that the server still holds, or a new one.

        Raises:
            PoolTimeout: all were busy for too long.
            ConnectError, ConnectTimeout: a new one could not be opened.
        """
        connection = self.take_idle()
        if connection is not None:
            return connection
        if self._is_closed:
            raise _closed()
        if not self._has_room():
            connection = await self._turn(timeouts.pool)
            if connection is not None and not connection.is_stale():
                return connection
            if connection is not None:
                # It went between turn and now, and its room with it: the next in turn may have that.
                return await self.take(timeouts)
        else:
            self._opening += 1
        return await self._open(timeouts.connect)

    def take_idle(self) -> Connection | None:
        """An idle connection that the server still holds, or None."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_stale():
                self._trust += 1
                return connection
            self._trust = 0
        return None

    def take_warm(self) -> Connection | None:
        """The same, but one that answered in this turn of the loop is not asked whether it was hung up since.

        Servers that do so say it in their answer; those that have not shown it yet are asked.
        """
        if self._trust >= _TRUSTED_AFTER and self._idle and self._idle[-1].round == self._round:
            return self._idle.pop()
        return self.take_idle()

    def _stamp(self, connection: Connection) -> None:
        """Note the turn of the loop in which it became idle: the present, or that which ``_tock`` begins."""
        connection.round = self._next_round
        self._round_used = True
        if not self._ticking:
            self._ticking = True
            self._loop.call_soon(self._tick)

    def _tick(self) -> None:
        """What was answered before this is to be used in this turn; what comes now is the next one's."""
        self._next_round = self._round + 1
        self._round_used = False
        self._loop.call_soon(self._tock)

    def _tock(self) -> None:
        """The loop has looked at all its sockets since."""
        self._round = self._next_round
        self._ticking = self._round_used
        if self._ticking:
            self._tick()

    def _has_room(self) -> bool:
        return len(self._all) + self._opening < self._bounds.connections

    async def _open(self, timeout_seconds: float | None) -> Connection:
        """In room that is already taken."""
        try:
            opened = await self._dialer.dial(timeout_seconds)
        except BaseException:
            self._give_room_back()
            raise
        self._opening -= 1
        if self._is_closed:
            opened.close()
            raise _closed()
        connection = Connection(opened, self, self._loop.time())
        self._all.add(connection)
        return connection

    def _give_room_back(self) -> None:
        self._opening -= 1
        self._offer_room()

    def _offer_room(self) -> None:
        """There may be room again: promise it to the next in turn."""
        if self._waiting and self._has_room() and self._serve(None):
            self._opening += 1

    def _serve(self, connection: Connection | None) -> bool:
        """Hand over to the next in turn; False when nobody waits."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(connection)
                return True
        return False

    async def _turn(self, timeout_seconds: float | None) -> Connection | None:
        turn: asyncio.Future[Connection | None] = self._loop.create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(timeout_seconds):
                return await turn
        except BaseException as error:
            self._leave(turn)
            if isinstance(error, TimeoutError):
                raise httpx.PoolTimeout(f"all connections were busy for {timeout_seconds} s") from None
            raise

    def _leave(self, turn: asyncio.Future[Connection | None]) -> None:
        """Out of the queue; what was handed over too late goes to the next."""
        if turn in self._waiting:
            self._waiting.remove(turn)
        if not turn.done() or turn.cancelled() or turn.exception() is not None:
            return
        connection = turn.result()
        if connection is None:
            self._give_room_back()
        elif not connection.is_closed:
            self.idle(connection)

    def watch(self, timeouts: Timeouts) -> None:
        """Sweep often enough for these timeouts."""
        if self._timer is not None:
            if timeouts is self._watched:
                return
            self._timer.cancel()
        self._watched = timeouts
        shortest = min(timeouts.read, timeouts.write) / _SWEEPS_PER_TIMEOUT
        self._sweep_seconds = min(self._sweep_seconds, max(shortest, _SHORTEST_SWEEP_SECONDS))
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
        if not connection.session_taken:
            self._dialer.session = connection.new_session() or self._dialer.session
        connection.idle_since_seconds = now
        self._stamp(connection)
        if not self._waiting or not self._serve(connection):
            self._idle.append(connection)

    def gone(self, connection: Connection) -> None:
        """See ``connection.Keeper``."""
        self._all.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._offer_room()

    def hung_up(self) -> None:
        """See ``connection.Keeper``."""
        self._trust = 0

    def close(self) -> None:
        """Close every connection; what is under way or waits fails."""
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_exception(_closed())
        for connection in list(self._all):
            connection.close()


def _closed() -> httpx.ConnectError:
    return httpx.ConnectError("the transport was closed")
