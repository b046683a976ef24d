"""How long a connection lives, and what a server may do to it."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress

import httpx
import pytest

from tests.send.http1.certificates import Authority, Pair, client_context, server_context
from tests.send.http1.conftest import Play
from tests.send.http1.harness import (
    BOTH,
    OK,
    WHOLE,
    Got,
    Peer,
    Server,
    answering,
    echo,
    fetch,
    get,
    lean,
    once,
    outcome,
    post,
    prepared,
    stream_of,
    turns,
    until,
)

MEGABYTE = 2**20


@BOTH
def test_one_connection_carries_many_requests(play: Play, make: type) -> None:
    """One after the other, each answer its own."""

    async def main() -> None:
        async with Server(echo) as server, make() as transport:
            for number in range(50):
                got = await fetch(transport, post(server.url(), b"%d" % number))
                assert got.body == b"%d" % number
            assert server.connections == 1

    play(main)


@BOTH
def test_a_connection_closed_while_idle_is_noticed(play: Play, make: type) -> None:
    """The next request takes a new one and does not fail."""

    async def main() -> None:
        async with Server(once(OK), answering()) as server, make() as transport:
            await fetch(transport, get(server.url()))
            await until(lambda: server.open == 0, "the server closed")
            assert (await fetch(transport, get(server.url()))).body == b"ok"
            assert server.connections == 2

    play(main)


def test_a_connection_closed_at_the_moment_of_reuse_is_noticed(play: Play) -> None:
    """The kernel knows, the loop does not yet: it has had no turn since."""

    async def main() -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        async with lean() as transport:
            asked = asyncio.create_task(fetch(transport, get(url)))
            accepted = await asyncio.to_thread(lambda: listener.accept()[0])
            await asyncio.to_thread(accepted.recv, 4096)
            accepted.sendall(OK)
            await asked
            accepted.close()  # and without a turn of the loop:
            asked = asyncio.create_task(fetch(transport, get(url)))
            second = await asyncio.to_thread(lambda: listener.accept()[0])
            await asyncio.to_thread(second.recv, 4096)
            second.sendall(OK)
            assert (await asked).body == b"ok"
            second.close()
        listener.close()

    play(main)


def test_unasked_bytes_on_an_idle_connection_close_it(play: Play) -> None:
    """They would be taken for the next response."""

    async def speaking(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        await asked.wait()
        await peer.send(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
        said.set()
        await peer.gone()

    asked, said = asyncio.Event(), asyncio.Event()

    async def main() -> None:
        async with Server(speaking, answering()) as server, lean() as transport:
            await fetch(transport, get(server.url()))
            asked.set()
            await said.wait()
            assert (await fetch(transport, get(server.url()))).status == 200
            assert server.connections == 2

    play(main)


def test_a_request_that_says_close_is_the_connections_last(play: Play) -> None:
    """Even where the server does not mind."""

    async def main() -> None:
        async with Server(answering()) as server, lean() as transport:
            request = get(server.url())
            request.headers["Connection"] = "close"
            await fetch(transport, request)
            await fetch(transport, get(server.url()))
            assert server.connections == 2

    play(main)


def test_the_last_used_connection_is_used_first(play: Play) -> None:
    """So that those not needed grow old."""

    async def main() -> None:
        async with Server(answering()) as server, lean() as transport:
            await asyncio.gather(*[fetch(transport, get(server.url())) for _ in range(4)])
            assert server.connections == 4
            for _ in range(20):
                await fetch(transport, get(server.url()))
            assert server.connections == 4

    play(main)


def test_idle_connections_go(play: Play) -> None:
    """After the idle bound, by themselves."""

    async def main() -> None:
        async with Server(answering()) as server, lean(idle=0.05) as transport:
            await fetch(transport, get(server.url(), read=0.1))
            await until(lambda: server.open == 0, "the idle connection was closed")

    play(main)


def test_old_connections_go(play: Play) -> None:
    """After the age bound, once they are idle: the name may mean another address by now."""

    async def main() -> None:
        async with Server(answering()) as server, lean(age=-1.0) as transport:
            for _ in range(3):
                await fetch(transport, get(server.url()))
            assert server.connections == 3
            await until(lambda: server.open == 0, "the old connections were closed")

    play(main)


@BOTH
def test_no_more_connections_than_allowed(play: Play, make: type) -> None:
    """The others wait, and all are served."""

    async def main() -> None:
        async with Server(echo) as server, make(connections=3) as transport:
            bodies = [b"%d" % number for number in range(60)]
            got = await asyncio.gather(*[fetch(transport, post(server.url(), body)) for body in bodies])
            assert [one.body for one in got] == bodies
            assert server.most_open == server.connections == 3

    play(main)


def test_who_waits_is_served_in_turn(play: Play) -> None:
    """A request that comes later does not overtake."""
    order: list[int] = []

    async def main() -> None:
        async with Server(echo) as server, lean(connections=1) as transport:

            async def ask(number: int) -> None:
                for _ in range(2):
                    await fetch(transport, post(server.url()))
                    order.append(number)

            await asyncio.gather(*[ask(number) for number in range(4)])
        assert order == [0, 1, 2, 3] * 2

    play(main)


@pytest.mark.parametrize("ending", ["close", "reset"])
def test_an_early_refusal_is_heard(play: Play, ending: str) -> None:
    """The server answers before it has read the body; httpx hears that only when it can write no more."""
    refusal = b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno"

    async def refusing(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.send(refusal)
        await heard.wait()
        if ending == "reset":
            peer.reset()

    heard = asyncio.Event()

    async def main() -> None:
        async with Server(refusing, answering()) as server, lean() as transport:
            found = await outcome(transport, post(server.url(), b"x" * 8 * MEGABYTE))
            heard.set()
            assert isinstance(found, Got)
            assert (found.status, found.body) == (413, b"no")
            assert (await fetch(transport, post(server.url()))).body == b"ok"
            assert server.connections == 2

    play(main)


def test_a_refusal_followed_by_a_reset_is_heard(play: Play) -> None:
    """The answer lies in the kernel when writing fails."""

    async def refusing(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.send(b"HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\nno")
        peer.reset()

    async def main() -> None:
        async with Server(refusing, limit=4096) as server, lean() as transport:
            for _ in range(20):
                found = await outcome(transport, post(server.url(), b"x" * 4 * MEGABYTE))
                # The kernel may throw away what a reset overtakes; then it is an error of the network.
                assert found in ("ReadError", "WriteError") or (
                    isinstance(found, Got) and found.status == 401
                )

    play(main)


def test_a_reset_is_an_error_of_the_network(play: Play) -> None:
    """Before the response and in its middle."""

    async def resetting(peer: Peer) -> None:
        await peer.request()
        peer.reset()

    async def half(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok")
        await began.wait()
        peer.reset()

    began = asyncio.Event()

    async def main() -> None:
        async with Server(resetting, half) as server, lean() as transport:
            assert await outcome(transport, get(server.url())) == "ReadError"
            response = await transport.handle_async_request(get(server.url()))
            began.set()
            parts = stream_of(response).__aiter__()
            assert await anext(parts) == b"ok"
            with pytest.raises(httpx.ReadError):
                await anext(parts)
            await response.aclose()

    play(main)


@BOTH
def test_a_server_that_will_say_no_more_is_heard_to_the_end(play: Play, make: type) -> None:
    """It half-closes behind its response; the connection is not used again."""

    async def halving(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        await peer.half_close()
        await peer.gone()

    async def main() -> None:
        async with Server(halving) as server, make() as transport:
            for number in (1, 2, 3):
                assert (await fetch(transport, get(server.url()))).body == b"ok"
                await turns()
                assert server.connections == number

    play(main)


@WHOLE
def test_a_slow_reader_holds_the_server_back(play: Play, make: type) -> None:
    """What is not read stays with the server, not in our memory; and comes when it is read."""
    total = 64 * MEGABYTE
    written = 0

    async def flooding(peer: Peer) -> None:
        nonlocal written
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % total)
        while written < total:
            await peer.send(b"x" * MEGABYTE)
            written += MEGABYTE
        await peer.gone()

    async def stood_still() -> None:
        """The server writes no further."""
        before = -1
        while before != written:
            before = written
            await asyncio.sleep(0.05)

    async def main() -> None:
        async with Server(flooding) as server, make() as transport:
            response = await transport.handle_async_request(get(server.url()))
            await stood_still()
            assert written < total / 2
            read = 0
            async for chunk in stream_of(response):
                read += len(chunk)
            assert read == total
            await response.aclose()

    play(main)


@BOTH
def test_a_body_that_is_not_read_ends_its_connection(play: Play, make: type) -> None:
    """The rest of it must not be taken for the next response."""

    async def main() -> None:
        long = b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n" + b"x" * 900_000
        async with Server(once(long), answering()) as server, make() as transport:
            response = await transport.handle_async_request(get(server.url()))
            await response.aclose()
            assert (await fetch(transport, get(server.url()))).body == b"ok"
            assert server.connections == 2
            await until(lambda: server.open == 1, "the first connection was closed")

    play(main)


async def drained(parts: AsyncIterator[bytes]) -> None:
    async for _ in parts:
        pass


def test_a_body_half_read_ends_its_connection(play: Play) -> None:
    """And reading on after that is an error, not an end."""

    async def main() -> None:
        long = b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n" + b"x" * 900_000
        async with Server(once(long)) as server, lean() as transport:
            response = await transport.handle_async_request(get(server.url()))
            parts = stream_of(response).__aiter__()
            assert await anext(parts)
            await response.aclose()
            with pytest.raises(httpx.ReadError):
                await drained(parts)

    play(main)


@WHOLE
def test_a_large_request_arrives_whole(play: Play, make: type) -> None:
    """Many times what the kernel takes at once, to a server that reads in small bites."""
    body = bytes(range(256)) * (32 * MEGABYTE // 2048)

    async def main() -> None:
        async with Server(echo, limit=1024) as server, make() as transport:
            assert (await fetch(transport, post(server.url(), body))).body == body
            assert (await fetch(transport, post(server.url(), b"next"))).body == b"next"
            assert server.connections == 1

    play(main)


def test_a_streamed_request_arrives_whole(play: Play) -> None:
    """As one chunk."""

    async def main() -> None:
        async with Server(echo) as server, lean() as transport:
            request = post(server.url())
            request = httpx.Request(
                "POST",
                server.url(),
                headers={"Transfer-Encoding": "chunked"},
                content=b"streamed",
                extensions=request.extensions,
            )
            del request.headers["Content-Length"]
            assert (await fetch(transport, request)).body == b"streamed"

    play(main)


def test_a_closed_transport_stays_closed(play: Play) -> None:
    """And what was under way fails with an error of httpx."""

    async def silent(peer: Peer) -> None:
        await peer.request()
        waiting.set()
        await peer.gone()

    waiting = asyncio.Event()

    async def main() -> None:
        async with Server(silent) as server:
            transport = lean(connections=1)
            asked = asyncio.create_task(outcome(transport, get(server.url())))
            queued = asyncio.create_task(outcome(transport, get(server.url())))
            await waiting.wait()
            await transport.aclose()
            assert await asked == "ReadError"
            assert await queued == "ConnectError"
            assert await outcome(transport, get(server.url())) == "ConnectError"
            assert await outcome(transport, get("http://127.0.0.1:1/")) == "ConnectError"
            await transport.aclose()

    play(main)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "http:///x", "ws://127.0.0.1/"])
def test_what_is_no_http_url_is_refused(play: Play, url: str) -> None:
    """By its class."""

    async def main() -> None:
        async with lean() as transport:
            request = httpx.Request("GET", url, headers={"Host": "x"})
            assert await outcome(transport, request) == "UnsupportedProtocol"

    play(main)


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
def test_a_large_prepared_request_arrives_whole(
    play: Play, authority: Authority, pair: Pair, secure: bool
) -> None:
    """Where the kernel takes only a part at once, the rest follows, and the answer is this request's."""
    body = bytes(range(256)) * 16384

    async def counting(peer: Peer) -> None:
        while True:
            received = (await peer.request()).body
            found = b"%d" % len(received) if received in (body, b"x") else b"other bytes"
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(found), found))

    async def main() -> None:
        tls = server_context(pair) if secure else None
        context = client_context(authority) if secure else None
        async with Server(counting, limit=1024, tls=tls) as server, prepared(context) as transport:
            for sent in (body, b"x", body):
                assert (await fetch(transport, post(server.url(), sent))).body == b"%d" % len(sent)
            assert server.connections == 1

    play(main)


def hanging_up(listener: socket.socket, answers: Sequence[int]) -> None:
    """A server that hangs up behind so many answers of each connection and does not say it in the last."""
    for count in answers:
        accepted, _ = listener.accept()
        with accepted, suppress(OSError):
            for left in reversed(range(count)):
                while not accepted.recv(4096).endswith(b"x"):
                    pass
                # The last answer and the end arrive as one.
                accepted.send(OK, 0 if left else socket.MSG_MORE)
            accepted.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize(("before", "failures"), [(50, 0), (300, 1)], ids=["not trusted", "trusted"])
def test_a_server_that_hangs_up_behind_an_answer_is_trusted_once(
    play: Play, before: int, failures: int
) -> None:
    """Connections are not asked again and again whether they still are one; who deceives is asked always."""

    async def main() -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        counts = [before] + [1] * 20
        server = threading.Thread(target=hanging_up, args=(listener, counts), daemon=True)
        server.start()
        failed = 0
        async with prepared() as transport:
            for _ in range(before + 20):
                try:
                    assert (await fetch(transport, post(url, b"x"))).body == b"ok"
                except httpx.TransportError:
                    failed += 1
        listener.close()
        assert failed == failures

    play(main)
