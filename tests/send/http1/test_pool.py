"""Whose turn it is, with the moment of each hand-over in the test's hand."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bridge.send.http1.connection import Connection
from bridge.send.http1.dialer import Dialer, Origin, Socket, getaddrinfo
from bridge.send.http1.pool import Bounds, Pool, Timeouts
from tests.send.http1.conftest import Play
from tests.send.http1.harness import turns


class Near(Dialer):
    """Dials a socket pair."""

    def __init__(self) -> None:
        super().__init__(Origin(secure=False, host="x", port=1), None, getaddrinfo)
        self.far: list[socket.socket] = []

    async def dial(self, timeout_seconds: float | None) -> Socket:
        near, far = socket.socketpair()
        near.setblocking(False)
        self.far.append(far)
        return near


Take = asyncio.Task[Connection]


@asynccontextmanager
async def two_wait() -> AsyncIterator[tuple[Pool, Connection, Take, Take]]:
    """A pool of one connection, taken, and two who wait for it."""
    dialer = Near()
    pool = Pool(dialer, Bounds(1))
    taken = await pool.take(Timeouts())
    waiting = [asyncio.create_task(pool.take(Timeouts(pool=5.0))) for _ in range(2)]
    await turns()
    try:
        yield pool, taken, waiting[0], waiting[1]
    finally:
        pool.close()
        for far in dialer.far:
            far.close()
        await asyncio.gather(*waiting, return_exceptions=True)


@pytest.mark.parametrize("goes", [False, True], ids=["idle", "gone"])
@pytest.mark.parametrize("when", ["before", "behind"])
def test_what_was_meant_for_who_has_left_goes_to_the_next(play: Play, goes: bool, when: str) -> None:
    """Cancelled just before the hand-over and just behind it; a connection, or the room of one."""

    async def main() -> None:
        async with two_wait() as (pool, taken, leaving, staying):
            if when == "before":
                leaving.cancel()
            if goes:
                taken.close()
            else:
                pool.idle(taken)
            leaving.cancel()
            async with asyncio.timeout(2):
                got = await staying
            assert leaving.cancelled()
            assert (got is taken) is not goes

    play(main)


def test_a_connection_that_goes_in_the_moment_of_hand_over_is_not_given(play: Play) -> None:
    """Who waited opens a new one."""

    async def main() -> None:
        async with two_wait() as (pool, taken, first, second):
            pool.idle(taken)
            taken.close()
            async with asyncio.timeout(2):
                done, _ = await asyncio.wait([first, second], return_when=asyncio.FIRST_COMPLETED)
            (task,) = done
            assert not task.result().is_closed

    play(main)
