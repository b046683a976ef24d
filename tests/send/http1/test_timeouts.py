"""Each timeout alone, and that none of them hits the wrong one."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.send.http1.conftest import Play
from tests.send.http1.harness import (
    BOTH,
    OK,
    WHOLE,
    Got,
    Peer,
    Server,
    answering,
    fetch,
    get,
    lean,
    outcome,
    post,
    stream_of,
    turns,
    until,
)

SHORT = 0.1


@contextmanager
def deaf() -> Iterator[str]:
    """The URL of a listener that never accepts and whose queue is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address = listener.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        try:
            yield f"http://127.0.0.1:{address[1]}/"
        finally:
            for filler in fillers:
                filler.close()


async def silent(peer: Peer) -> None:
    await peer.request()
    await peer.gone()


async def sleeping(peer: Peer) -> None:
    """Reads nothing, says nothing."""
    await asyncio.Event().wait()


async def bounded(seconds: float, asked: asyncio.Future[Got | str] | asyncio.Task[Got | str]) -> Got | str:
    """What came of it, which must have taken about so long."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    found = await asked
    assert seconds * 0.9 <= loop.time() - start < seconds * 1.13 + 1.0
    return found


@BOTH
def test_connect(play: Play, make: type) -> None:
    """A server that does not accept."""

    async def main() -> None:
        with deaf() as url:
            async with make() as transport:
                asked = asyncio.create_task(outcome(transport, get(url, connect=SHORT)))
                assert await bounded(SHORT, asked) == "ConnectTimeout"

    play(main)


@BOTH
def test_read(play: Play, make: type) -> None:
    """A server that does not answer."""

    async def main() -> None:
        async with Server(silent) as server, make() as transport:
            asked = asyncio.create_task(outcome(transport, get(server.url(), read=SHORT)))
            assert await bounded(SHORT, asked) == "ReadTimeout"

    play(main)


@BOTH
def test_write(play: Play, make: type) -> None:
    """A server that does not read."""

    async def main() -> None:
        async with Server(sleeping, limit=1024) as server, make() as transport:
            asked = asyncio.create_task(
                outcome(transport, post(server.url(), b"x" * 30_000_000, write=SHORT, read=30.0))
            )
            assert await bounded(SHORT, asked) == "WriteTimeout"

    play(main)


@BOTH
def test_pool(play: Play, make: type) -> None:
    """No connection becomes free; the one that is busy is not harmed."""

    async def main() -> None:
        release = asyncio.Event()

        async def held(peer: Peer) -> None:
            await peer.request()
            await release.wait()
            await peer.send(OK)
            await peer.gone()

        async with Server(held) as server, make(connections=1) as transport:
            busy = asyncio.create_task(outcome(transport, get(server.url())))
            await turns(30)
            asked = asyncio.create_task(outcome(transport, get(server.url(), pool=SHORT)))
            assert await bounded(SHORT, asked) == "PoolTimeout"
            release.set()
            assert isinstance(await busy, Got)

    play(main)


def test_a_head_that_drips_is_bounded_as_a_whole(play: Play) -> None:
    """Otherwise httpx: it starts its timeout anew with each byte, and would wait for ever."""

    async def dripping(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nX: ")
        while True:
            await peer.send(b"x")
            await asyncio.sleep(SHORT / 10)

    async def main() -> None:
        async with Server(dripping) as server, lean() as transport:
            asked = asyncio.create_task(outcome(transport, get(server.url(), read=SHORT)))
            assert await bounded(SHORT, asked) == "ReadTimeout"

    play(main)


@WHOLE
def test_a_body_that_stops_is_bounded(play: Play, make: type) -> None:
    """Each wait for more of it; the head came in time."""

    async def stopping(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab")
        await peer.gone()

    async def main() -> None:
        async with Server(stopping) as server, make() as transport:
            response = await transport.handle_async_request(get(server.url(), read=SHORT))
            parts = stream_of(response).__aiter__()
            assert await anext(parts) == b"ab"
            with pytest.raises(httpx.ReadTimeout):
                await anext(parts)
            await response.aclose()

    play(main)


def test_a_body_that_keeps_coming_takes_as_long_as_it_takes(play: Play) -> None:
    """The timeout is of each part, not of all."""

    async def steady(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n")
        for _ in range(20):
            await peer.send(b"x")
            await asyncio.sleep(SHORT / 5)
        await peer.gone()

    async def main() -> None:
        async with Server(steady) as server, lean() as transport:
            assert (await fetch(transport, get(server.url(), read=SHORT))).body == b"x" * 20

    play(main)


def test_a_reader_that_takes_its_time_is_no_timeout(play: Play) -> None:
    """Nobody waits for the server while the reader is busy with what there is."""

    async def two_parts(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
        await reading.wait()
        await peer.send(b"cd")
        await peer.gone()

    reading = asyncio.Event()

    async def main() -> None:
        async with Server(two_parts) as server, lean() as transport:
            response = await transport.handle_async_request(get(server.url(), read=SHORT))
            parts = stream_of(response).__aiter__()
            assert await anext(parts) == b"ab"
            await asyncio.sleep(SHORT * 3)  # longer than the timeout: that is the matter of the test
            reading.set()
            assert await anext(parts) == b"cd"
            await response.aclose()

    play(main)


def test_an_answer_that_took_long_to_come_leaves_no_deadline(play: Play) -> None:
    """The idle connection outlives the timeouts of the request before."""

    async def main() -> None:
        async with Server(answering()) as server, lean() as transport:
            await fetch(transport, get(server.url(), read=SHORT, write=SHORT))
            await asyncio.sleep(SHORT * 3)  # longer than the timeout: that is the matter of the test
            await fetch(transport, get(server.url(), read=SHORT))
            assert server.connections == 1

    play(main)


def test_a_short_timeout_behind_a_long_one_is_kept(play: Play) -> None:
    """The timer is set for the long one when the short one comes."""

    async def main() -> None:
        async with Server(silent) as server, lean() as transport:
            busy = asyncio.create_task(outcome(transport, get(server.url(), read=60.0)))
            await until(lambda: server.connections == 1, "the first is under way")
            loop = asyncio.get_running_loop()
            start = loop.time()
            assert await outcome(transport, get(server.url(), read=0.02)) == "ReadTimeout"
            assert loop.time() - start < 0.2
            assert not busy.done()
            busy.cancel()

    play(main)


def test_no_timeout_is_none(play: Play) -> None:
    """A request without the extension, and one that says None."""

    async def main() -> None:
        async with Server(answering()) as server, lean() as transport:
            assert (await fetch(transport, httpx.Request("GET", server.url()))).status == 200
            nones = get(server.url(), connect=None, read=None, write=None, pool=None)
            assert (await fetch(transport, nones)).status == 200

    play(main)
