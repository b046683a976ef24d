"""One connection alone, its far end in the test's hand: moments that a network hits only by chance."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from bridge.send.http1.connection import Connection
from tests.send.http1.conftest import Play
from tests.send.http1.harness import OK, body_of, stream_of, turns, until

LONG = 5.0
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class Keeper:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def idle(self, connection: Connection) -> None:
        self.told.append("idle")

    def gone(self, connection: Connection) -> None:
        self.told.append("gone")

    def hung_up(self) -> None:
        self.told.append("hung up")


@contextmanager
def connected() -> Iterator[tuple[Connection, socket.socket, Keeper]]:
    near, far = socket.socketpair()
    near.setblocking(False)
    far.setblocking(False)
    keeper = Keeper()
    connection = Connection(near, keeper, 0.0)
    try:
        yield connection, far, keeper
    finally:
        connection.close()
        far.close()


def ask(connection: Connection, data: bytes = REQUEST) -> asyncio.Future[httpx.Response]:
    return connection.exchange(data, LONG, LONG, is_head=False, is_last=False)


def test_an_answer_that_lies_there_when_writing_fails_counts(play: Play) -> None:
    """The server has refused and gone; the connection is of no further use."""

    async def main() -> None:
        with connected() as (connection, far, keeper):
            far.sendall(OK)
            far.close()
            response = await ask(connection)
            assert response.status_code == 200
            assert keeper.told == ["gone"]

    play(main)


def test_without_an_answer_the_failed_write_is_the_error(play: Play) -> None:
    """And not that nothing came."""

    async def main() -> None:
        with connected() as (connection, far, _):
            far.close()
            with pytest.raises(httpx.WriteError):
                await ask(connection)

    play(main)


def test_an_answer_before_the_request_is_written_spoils_the_connection(play: Play) -> None:
    """The rest of the request would be taken for the next."""

    async def main() -> None:
        with connected() as (connection, far, keeper):
            asked = ask(connection, b"x" * 10_000_000)
            far.sendall(OK)
            assert (await asked).status_code == 200
            assert keeper.told == ["gone"]

    play(main)


def test_who_leaves_before_the_head_closes(play: Play) -> None:
    """The answer would come to somebody else."""

    async def main() -> None:
        with connected() as (connection, _, keeper):
            asked = ask(connection)
            asked.cancel()
            connection.abandon(asked)
            assert keeper.told == ["gone"]

    play(main)


def test_who_leaves_with_the_head_in_hand_closes(play: Play) -> None:
    """The head has come and its owner is cancelled before it can know."""

    async def main() -> None:
        with connected() as (connection, far, keeper):
            asked = ask(connection)
            far.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab")
            while not asked.done():
                await turns(1)
            connection.abandon(asked)
            assert keeper.told == ["gone"]

    play(main)


def test_the_head_for_who_has_left_closes(play: Play) -> None:
    """It is cancelled, and has had no turn to say so."""

    async def main() -> None:
        with connected() as (connection, far, keeper):
            asked = ask(connection)
            asked.cancel()
            far.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab")
            while not keeper.told:
                await turns(1)
            assert keeper.told == ["gone"]

    play(main)


def test_the_whole_answer_for_who_has_left_harms_nobody(play: Play) -> None:
    """The connection is idle, and stays so when the leave is taken late."""

    async def main() -> None:
        with connected() as (connection, far, keeper):
            asked = ask(connection)
            asked.cancel()
            far.sendall(OK)
            while not keeper.told:
                await turns(1)
            connection.abandon(asked)
            assert keeper.told == ["idle"]
            again = ask(connection)
            far.sendall(OK)
            assert (await again).status_code == 200

    play(main)


def test_an_error_that_nobody_waits_for_is_no_news(play: Play) -> None:
    """The loop is not told of it: ``play`` looks."""

    async def main() -> None:
        with connected() as (connection, far, _):
            asked = ask(connection)
            far.close()
            while not asked.done():
                await turns(1)
            connection.abandon(asked)
            del asked
            gc.collect()

    play(main)


def test_deadlines_are_the_sweepers_to_see(play: Play) -> None:
    """None while idle, one while asked, none again behind the answer or while a reader is busy."""

    async def main() -> None:
        with connected() as (connection, far, _):
            never = float("inf")
            assert connection.deadline_seconds == never
            now = asyncio.get_running_loop().time()
            asked = ask(connection)
            assert now + LONG <= connection.deadline_seconds < now + LONG + 1
            far.sendall(OK)
            await asked
            assert connection.deadline_seconds == never
            asked = ask(connection)
            far.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
            response = await asked
            assert connection.deadline_seconds == never
            reading = asyncio.create_task(body_of(response))
            await turns()
            assert connection.deadline_seconds < never
            far.sendall(b"cd")
            assert await reading == b"abcd"
            assert connection.deadline_seconds == never

    play(main)


def test_what_came_before_a_reset_is_read_before_it(play: Play) -> None:
    """However late the reader comes; and the reset is seen, though uvloop tells of it only once."""

    async def main() -> None:
        with connected() as (connection, far, keeper):
            asked = ask(connection)
            far.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab")
            parts = stream_of(await asked).__aiter__()
            assert await anext(parts) == b"ab"
            far.sendall(b"cd")
            far.close()  # the request was not read: a reset
            await until(lambda: keeper.told, "the end was seen")
            assert await anext(parts) == b"cd"
            with pytest.raises(httpx.ReadError):
                await anext(parts)

    play(main)


def test_the_late_reader_of_a_body_does_not_disarm_who_comes_next(play: Play) -> None:
    """Its connection carries another request by the time it wakes."""

    async def main() -> None:
        with connected() as (connection, far, keeper):
            asked = ask(connection)
            far.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
            reading = asyncio.create_task(body_of(await asked))
            await turns()
            far.sendall(b"cd")
            # Seen before the reader can wake, as by any task that runs in the same turn of the loop.
            assert not connection.is_stale()
            assert keeper.told == ["idle"]
            again = ask(connection)
            assert await reading == b"abcd"
            assert connection.deadline_seconds < float("inf")
            far.sendall(OK)
            await again

    play(main)
