"""TLS's records: none stays in a buffer that nobody looks at, whatever the kernel takes and gives at once."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import closing

import pytest

from tests.send.http1.cases import head
from tests.send.http1.certificates import Authority, Pair, client_context, server_context
from tests.send.http1.conftest import Play
from tests.send.http1.harness import fetch, get, lean, post, stream_of

VERSIONS = pytest.mark.parametrize(
    "version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"]
)


def only(context: ssl.SSLContext, version: ssl.TLSVersion) -> ssl.SSLContext:
    context.minimum_version = context.maximum_version = version
    return context


# A server in a thread, for what asyncio's TLS cannot do: blocking, with tiny buffers and records of any size.

Blocking = Callable[[ssl.SSLSocket], None]


async def with_blocking_server(
    context: ssl.SSLContext, serve: Blocking, client: Callable[[str], Awaitable[None]], *, small: bool = False
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        if small:
            for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
                listener.setsockopt(socket.SOL_SOCKET, option, 4096)

        def run() -> None:
            listener.settimeout(20)
            accepted, _ = listener.accept()
            accepted.settimeout(20)
            with closing(accepted), context.wrap_socket(accepted, server_side=True) as secured:
                serve(secured)

        serving = asyncio.create_task(asyncio.to_thread(run))
        await client(f"https://127.0.0.1:{listener.getsockname()[1]}/")
        await serving


def read_request(secured: ssl.SSLSocket, body_bytes: int, bite: int = 65536) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += secured.recv(bite)
    body = data.partition(b"\r\n\r\n")[2]
    parts = [body]
    missing = body_bytes - len(body)
    while missing:
        parts.append(secured.recv(min(bite, missing)))
        missing -= len(parts[-1])
    return b"".join(parts)


@VERSIONS
def test_big_bodies_both_ways_through_small_buffers(
    play: Play, authority: Authority, pair: Pair, version: ssl.TLSVersion
) -> None:
    """Partial writes, records cut by packets, and the response larger than any buffer."""
    body = bytes(range(256)) * 4096

    def serve(secured: ssl.SSLSocket) -> None:
        for _ in range(2):
            received = read_request(secured, len(body), bite=1000)
            secured.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body))
            for at in range(0, len(body), 7000):
                secured.sendall(received[at : at + 7000])

    async def main() -> None:
        async def client(url: str) -> None:
            async with lean(client_context(authority)) as transport:
                for _ in range(2):
                    assert (await fetch(transport, post(url, body))).body == body

        await with_blocking_server(only(server_context(pair), version), serve, client, small=True)

    play(main)


def test_a_response_while_the_request_is_still_written(play: Play, authority: Authority, pair: Pair) -> None:
    """Both directions full at once: the server answers chunk by chunk what it has read so far."""
    body = bytes(range(256)) * 4096

    def serve(secured: ssl.SSLSocket) -> None:
        data = secured.recv(65536)
        while b"\r\n\r\n" not in data:
            data += secured.recv(65536)
        secured.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body))
        data = data.partition(b"\r\n\r\n")[2]
        sent = 0
        while sent < len(body):
            if not data:
                data = secured.recv(3000)
            secured.sendall(data)
            sent += len(data)
            data = b""

    async def main() -> None:
        async def client(url: str) -> None:
            async with lean(client_context(authority)) as transport:
                assert (await fetch(transport, post(url, body))).body == body

        await with_blocking_server(server_context(pair), serve, client, small=True)

    play(main)


def test_many_records_in_one_packet(play: Play, authority: Authority, pair: Pair) -> None:
    """One byte of the response in each record, all of them there before the loop looks."""

    def serve(secured: ssl.SSLSocket) -> None:
        wire = head("Transfer-Encoding: chunked") + b"1\r\nx\r\n" * 200 + b"0\r\n\r\n"
        for _ in range(2):
            read_request(secured, 0)
            secured.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
            for at in range(len(wire)):
                secured.sendall(wire[at : at + 1])
            secured.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)

    async def main() -> None:
        async def client(url: str) -> None:
            async with lean(client_context(authority)) as transport:
                for _ in range(2):
                    assert (await fetch(transport, get(url))).body == b"x" * 200

        await with_blocking_server(server_context(pair), serve, client)

    play(main)


def test_a_slow_reader_of_tls_gets_every_record(play: Play, authority: Authority, pair: Pair) -> None:
    """Reading stops and goes on, with records in TLS's buffer at every stop."""
    body = bytes(range(256)) * 16384

    def serve(secured: ssl.SSLSocket) -> None:
        read_request(secured, 0)
        secured.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body))
        secured.sendall(body)

    async def main() -> None:
        async def client(url: str) -> None:
            async with lean(client_context(authority)) as transport:
                response = await transport.handle_async_request(get(url))
                read = []
                async for chunk in stream_of(response):
                    read.append(chunk)
                    if len(read) % 16 == 0:
                        await asyncio.sleep(0.001)
                assert b"".join(read) == body

        await with_blocking_server(server_context(pair), serve, client)

    play(main)
