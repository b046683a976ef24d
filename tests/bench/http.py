"""``python -m tests.bench.http``: CPU of one request over our own transport, and over httpx's.

The server is a process of its own, and its CPU is not counted; both speak over loopback.
"""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import ssl
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import cast

import httpx
import uvloop

from bridge.send.http1 import LeanTransport
from bridge.send.http1.pool import Bounds
from bridge.send.transport import OneEach
from tests.send.http1.certificates import Authority, Pair, client_context, server_context

_BODY = b"x" * 1000
_ANSWER = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{"status":"ok"}'
_EXTENSIONS = {"timeout": {"connect": 60.0, "read": 60.0, "write": 60.0, "pool": 60.0}}
_IN_FLIGHT = (1, 64, 1000)
_REQUESTS = 4000
_ENOUGH_SECONDS = 1.5

Make = Callable[[ssl.SSLContext, int], httpx.AsyncBaseTransport]


def _own(tls: ssl.SSLContext, in_flight: int) -> httpx.AsyncBaseTransport:
    return LeanTransport(tls, Bounds(in_flight))


def _httpx(tls: ssl.SSLContext, in_flight: int) -> httpx.AsyncBaseTransport:
    limits = httpx.Limits(max_connections=in_flight, max_keepalive_connections=in_flight)
    return httpx.AsyncHTTPTransport(verify=tls, limits=limits)


def _one_each(tls: ssl.SSLContext, in_flight: int) -> httpx.AsyncBaseTransport:
    return OneEach(lambda: _httpx(tls, 1))


TRANSPORTS: dict[str, Make] = {"own": _own, "httpx, one each": _one_each, "httpx, its pool": _httpx}


class _Server(asyncio.Protocol):
    """Answers as soon as head and body are there; knows how long the body is."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._seen = b""

    def data_received(self, data: bytes) -> None:
        self._seen += data
        end = self._seen.find(b"\r\n\r\n")
        if end >= 0 and len(self._seen) >= end + 4 + len(_BODY):
            self._seen = b""
            self._transport.write(_ANSWER)


def _serve(cert: Path, key: Path, tell: Connection) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        plain = await loop.create_server(_Server, "127.0.0.1", 0, backlog=2048)
        context = server_context(Pair(cert, key))
        secure = await loop.create_server(_Server, "127.0.0.1", 0, backlog=2048, ssl=context)
        tell.send([server.sockets[0].getsockname()[1] for server in (plain, secure)])
        await asyncio.Event().wait()

    uvloop.run(main())


async def _send(transport: httpx.AsyncBaseTransport, url: httpx.URL, count: int) -> None:
    headers = [
        (b"Host", url.netloc),
        (b"Authorization", b"Bearer key"),
        (b"Content-Length", b"%d" % len(_BODY)),
    ]
    for _ in range(count):
        stream = httpx.ByteStream(_BODY)
        request = httpx.Request("POST", url, headers=headers, stream=stream, extensions=_EXTENSIONS)
        response = await transport.handle_async_request(request)
        async for _ in cast("httpx.AsyncByteStream", response.stream):
            pass
        await response.aclose()


async def _microseconds(make: Make, tls: ssl.SSLContext, url: str, in_flight: int) -> float:
    """CPU of one request, connections being open; fewer rounds where they are slow."""
    address = httpx.URL(url)
    async with make(tls, in_flight) as transport:

        async def volley(each: int) -> float:
            start = process_time()
            await asyncio.gather(*[_send(transport, address, each) for _ in range(in_flight)])
            return (process_time() - start) / (each * in_flight)

        await volley(1)
        once = await volley(1)
        each = max(1, min(_REQUESTS // in_flight, int(_ENOUGH_SECONDS / 3 / max(once * in_flight, 1e-6))))
        gc.collect()
        return min([await volley(each) for _ in range(3)]) * 1e6


def _table(name: str, tls: ssl.SSLContext, url: str) -> None:
    write = sys.stdout.write
    titles = "".join(f"{count:>10}{'ratio':>8}" for count in _IN_FLIGHT)
    write(f"\n{f'{name}, µs of CPU at … in flight':36}{titles}\n")
    first: dict[int, float] = {}
    for label, make in TRANSPORTS.items():
        cells = ""
        for count in _IN_FLIGHT:
            spent = uvloop.run(_microseconds(make, tls, url, count))
            cells += f"{spent:10.1f}{spent / first.setdefault(count, spent):8.1f}"
        write(f"{label:36}{cells}\n")


def main() -> None:
    """Write the tables."""
    with TemporaryDirectory() as folder:
        authority = Authority(Path(folder))
        pair = authority.issue("server")
        ours, theirs = multiprocessing.Pipe()
        server = multiprocessing.get_context("spawn").Process(
            target=_serve, args=(pair.cert, pair.key, theirs), daemon=True
        )
        server.start()
        try:
            plain, secure = ours.recv()
            tls = client_context(authority)
            _table("plain", tls, f"http://127.0.0.1:{plain}/events")
            _table("TLS", tls, f"https://127.0.0.1:{secure}/events")
        finally:
            server.terminate()
            server.join()


if __name__ == "__main__":
    main()
