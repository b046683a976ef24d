"""A server that does what a test's script says, and requests to it: what all tests of the transport share."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from typing import NamedTuple, Self, cast

import httpx
import pytest

from bridge.send.http1 import LeanTransport
from bridge.send.http1.pool import Bounds

PATIENT = {"connect": 10.0, "read": 10.0, "write": 10.0, "pool": 10.0}
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

# uvloop says RuntimeError of a transport whose client went while it was written to.
_HUNG_UP = (ConnectionError, ssl.SSLError, RuntimeError)

Script = Callable[["Peer"], Awaitable[None]]


class Seen(NamedTuple):
    """A request as the server read it."""

    head: bytes
    body: bytes


class Got(NamedTuple):
    """A response as the client read it."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Peer:
    """The server's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def request(self) -> Seen:
        head = await self.reader.readuntil(b"\r\n\r\n")
        lowered = head.lower()
        if b"transfer-encoding: chunked" in lowered:
            return Seen(head, await self._chunks())
        length = lowered.partition(b"content-length: ")[2].partition(b"\r\n")[0]
        return Seen(head, await self.reader.readexactly(int(length or b"0")))

    async def _chunks(self) -> bytes:
        body = b""
        while size := int(await self.reader.readline(), 16):
            body += await self.reader.readexactly(size)
            await self.reader.readline()
        await self.reader.readline()
        return body

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def send_slowly(self, data: bytes) -> None:
        """A byte at a time, the loop having had its turns between them."""
        for index in range(len(data)):
            await self.send(data[index : index + 1])
            await turns(3)

    async def half_close(self) -> None:
        self.writer.write_eof()

    async def gone(self) -> None:
        """Until the client has closed."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(65536):
                pass

    def reset(self) -> None:
        """Close with RST instead of FIN."""
        opened = self.writer.get_extra_info("socket")
        if opened is not None:  # else the client was faster
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.abort()

    def abort(self) -> None:
        """Close without TLS's farewell."""
        self.writer.transport.abort()


class Server:
    """Listens on loopback; each connection plays its own script, the last script all further ones."""

    def __init__(
        self, *scripts: Script, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1", limit: int = 2**16
    ) -> None:
        self._scripts = scripts
        self._tls = tls
        self._host = host
        self._limit = limit
        self._tasks: set[asyncio.Task[None]] = set()
        self.connections = 0
        self.open = 0
        self.most_open = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(
            self._accept, self._host, 0, ssl=self._tls, limit=self._limit
        )
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}{path}"

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        script = self._scripts[min(self.connections, len(self._scripts) - 1)]
        self.connections += 1
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        task = asyncio.get_running_loop().create_task(self._play(script, Peer(reader, writer)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _play(self, script: Script, peer: Peer) -> None:
        try:
            await script(peer)
        except (*_HUNG_UP, asyncio.IncompleteReadError):
            pass  # what the client makes of that is the test's matter
        finally:
            self.open -= 1
            with contextlib.suppress(*_HUNG_UP):
                peer.writer.close()
                await peer.writer.wait_closed()


def answering(data: bytes = OK) -> Script:
    """Answers each request of the connection with the same bytes."""

    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.send(data)

    return script


def once(data: bytes) -> Script:
    """Answers one request, and hangs up."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(data)

    return script


async def echo(peer: Peer) -> None:
    """Answers each request with its own body."""
    while True:
        body = (await peer.request()).body
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))


async def turns(count: int = 10) -> None:
    """Let the loop go round."""
    for _ in range(count):
        await asyncio.sleep(0)


async def until(condition: Callable[[], object], what: str) -> None:
    """Go round until it is so; fails loudly after ten seconds."""
    try:
        async with asyncio.timeout(10):
            while not condition():  # noqa: ASYNC110 - what is waited for has no event of its own
                await asyncio.sleep(0.001)
    except TimeoutError:
        raise AssertionError(f"never: {what}") from None


def lean(
    tls: ssl.SSLContext | None = None, connections: int = 8, idle: float = 30.0, age: float = 300.0
) -> LeanTransport:
    return LeanTransport(tls, Bounds(connections, idle, age))


class ByPreparedRequests(httpx.AsyncBaseTransport):
    """The way that ``Client`` takes: requests prepared once, answers to a callback. Not for HEAD."""

    def __init__(self, transport: LeanTransport) -> None:
        self._transport = transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = await body_of_request(request)
        if request.method == "HEAD":
            return await self._transport.handle_async_request(request)
        taken: asyncio.Future[httpx.Response] = asyncio.get_running_loop().create_future()

        def taker(
            status: int,
            headers: list[tuple[bytes, bytes]],
            start: bytes,
            error: httpx.TransportError | None,
        ) -> None:
            assert not taken.done(), "called twice"
            if error is not None:
                taken.set_exception(error)
            else:
                taken.set_result(httpx.Response(status, headers=headers, stream=httpx.ByteStream(start)))

        self._transport.prepare(request).send(body, taker)
        return await taken

    async def aclose(self) -> None:
        await self._transport.aclose()


def prepared(tls: ssl.SSLContext | None = None, connections: int = 8) -> ByPreparedRequests:
    return ByPreparedRequests(lean(tls, connections))


def plain_httpx(tls: ssl.SSLContext | None = None, connections: int = 8) -> httpx.AsyncHTTPTransport:
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    return httpx.AsyncHTTPTransport(verify=tls or False, limits=limits)


WHOLE = pytest.mark.parametrize("make", [lean, plain_httpx], ids=["lean", "httpx"])
"""The transports that give a long body whole."""
BOTH = pytest.mark.parametrize("make", [lean, prepared, plain_httpx], ids=["lean", "prepared", "httpx"])
"""Our transport, in both of its ways, and httpx's: the same is expected of all."""


def get(url: str, method: str = "GET", **timeouts: float | None) -> httpx.Request:
    return httpx.Request(method, url, extensions={"timeout": PATIENT | timeouts})


def post(url: str, body: bytes = b"hello", **timeouts: float | None) -> httpx.Request:
    return httpx.Request("POST", url, content=body, extensions={"timeout": PATIENT | timeouts})


async def body_of_request(request: httpx.Request) -> bytes:
    """All that is to be sent."""
    return b"".join([chunk async for chunk in cast("httpx.AsyncByteStream", request.stream)])


async def body_of(response: httpx.Response) -> bytes:
    """The rest of the body."""
    return b"".join([chunk async for chunk in stream_of(response)])


async def fetch(transport: httpx.AsyncBaseTransport, request: httpx.Request) -> Got:
    """Send, read the whole body, close."""
    response = await transport.handle_async_request(request)
    try:
        body = await body_of(response)
    finally:
        await response.aclose()
    headers = [(name.decode().lower(), value.decode("latin-1")) for name, value in response.headers.raw]
    return Got(response.status_code, headers, body)


def stream_of(response: httpx.Response) -> httpx.AsyncByteStream:
    return cast("httpx.AsyncByteStream", response.stream)


async def outcome(transport: httpx.AsyncBaseTransport, request: httpx.Request) -> Got | str:
    """The response, or the class of the error."""
    try:
        return await fetch(transport, request)
    except httpx.TransportError as error:
        return type(error).__name__
