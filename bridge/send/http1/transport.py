"""What httpx sees: ``LeanTransport``.

It differs from ``httpx.AsyncHTTPTransport`` on purpose in this; ``tests/send/http1`` compares all else:

- ``read`` bounds the whole head of a response, however it drips, and then each wait for more of the body.
  ``write`` is how long the server may take nothing. Both are checked by one timer, an eighth late at most.
- A request is refused (``LocalProtocolError``) when it would not arrive as it was meant: control characters
  in a header, a Content-Length that is wrong, repeated otherwise or beside chunks, no Host, CONNECT.
- A response is refused (``RemoteProtocolError``) when it is not RFC 9112 to the letter: bare LF, folded
  headers, a Content-Length twice, HTTP/2 in the status line, 101, more than 64 KiB without any body.
- A body that ends with the connection must end with TLS's farewell too, or it may have been cut.
- The body of a request is read whole before a connection is taken, and sent at once.
- Bytes behind a whole response close the connection and do not harm the response.
- Once closed, it stays closed.
- No proxies, redirects, HTTP/2, ``trace`` or ``sni_hostname`` extensions, retries; TLS trusts what the
  system trusts, not certifi.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from functools import partial
from typing import Any

import httpx

from bridge.send.http1.connection import Taker
from bridge.send.http1.dialer import Dialer, Origin, Resolve, getaddrinfo
from bridge.send.http1.pool import Bounds, Pool, Timeouts
from bridge.send.http1.prepared import Prepared
from bridge.send.http1.request import body_of, encoded

_PORTS = {"http": 80, "https": 443}
_NEVER = float("inf")
_KNOWN_TIMEOUTS = 64


class LeanTransport(httpx.AsyncBaseTransport):
    """HTTP/1.1 over plain TCP and TLS; its errors are httpx's. Owned by the loop of its first request.

    Args:
        context: TLS settings, client certificate included; by default those of the system, verification on.
        bounds: how many connections to an origin, and how long they live.
        resolve: names to addresses; by default the system's resolver.
    """

    def __init__(
        self,
        context: ssl.SSLContext | None = None,
        bounds: Bounds | None = None,
        resolve: Resolve = getaddrinfo,
    ) -> None:
        self._context = context
        self._bounds = bounds or Bounds()
        self._resolve = resolve
        self._pools: dict[tuple[str, str, int | None], Pool] = {}
        self._timeouts: dict[int, tuple[Mapping[str, Any], Timeouts]] = {}
        self._is_closed = False
        self._openings: set[asyncio.Task[None]] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; the response's body is at hand, or streams when it is long.

        Raises:
            httpx.TransportError: its subclasses say what failed.
        """
        data, is_last = encoded(request, await body_of(request))
        timeouts = self._timeouts_of(request)
        pool = self._pool(request.url)
        connection = pool.take_idle() or await pool.take(timeouts)
        pool.watch(timeouts)
        waiter = connection.exchange(
            data, timeouts.read, timeouts.write, is_head=request.method == "HEAD", is_last=is_last
        )
        try:
            return await waiter
        except BaseException:
            connection.abandon(waiter)
            raise

    def prepare(self, request: httpx.Request) -> Prepared:
        """Judge and encode all that many requests share.

        Args:
            request: with every header but ``Content-Length``, and no body.

        Raises:
            httpx.TransportError: it could not be sent as it is meant.
        """
        request.headers.pop("Content-Length", None)
        request.headers["Content-Length"] = "0"
        data, is_last = encoded(request, b"")
        if is_last:
            raise httpx.LocalProtocolError("a request that is repeated cannot be its connection's last")
        pool, timeouts = self._pool(request.url), self._timeouts_of(request)
        return Prepared(pool, data.removesuffix(b"0\r\n\r\n"), timeouts, partial(self._open, pool, timeouts))

    def _open(self, pool: Pool, timeouts: Timeouts, data: bytes, taker: Taker) -> None:
        opening = asyncio.get_running_loop().create_task(_open_and_send(pool, timeouts, data, taker))
        self._openings.add(opening)
        opening.add_done_callback(self._openings.discard)

    async def aclose(self) -> None:
        """Close every connection; what is under way fails."""
        self._is_closed = True
        for pool in self._pools.values():
            pool.close()

    def _timeouts_of(self, request: httpx.Request) -> Timeouts:
        """Converted once for each mapping: who sends much passes the same one again and again."""
        given = request.extensions.get("timeout") or {}
        known = self._timeouts.get(id(given))
        if known is None or known[0] is not given:
            if len(self._timeouts) > _KNOWN_TIMEOUTS:
                self._timeouts.clear()
            known = self._timeouts[id(given)] = (given, _timeouts(given))
        return known[1]

    def _pool(self, url: httpx.URL) -> Pool:
        key = (url.scheme, url.host, url.port)
        pool = self._pools.get(key)
        if pool is None:
            pool = self._pools[key] = self._new_pool(url)
        return pool

    def _new_pool(self, url: httpx.URL) -> Pool:
        if url.scheme not in _PORTS or not url.host:
            raise httpx.UnsupportedProtocol("no http or https URL with a host")
        if self._is_closed:
            raise httpx.ConnectError("the transport was closed")
        secure = url.scheme == "https"
        if secure and self._context is None:
            self._context = ssl.create_default_context()
        host = url.raw_host.decode("ascii").strip("[]")
        origin = Origin(secure, host, url.port or _PORTS[url.scheme])
        return Pool(Dialer(origin, self._context, self._resolve), self._bounds)


async def _open_and_send(pool: Pool, timeouts: Timeouts, data: bytes, taker: Taker) -> None:
    try:
        connection = await pool.take(timeouts)
    except httpx.TransportError as error:
        taker(0, [], b"", error)
        return
    pool.watch(timeouts)
    connection.send(data, timeouts.read, timeouts.write, taker)


def _timeouts(given: Mapping[str, Any]) -> Timeouts:
    read, write = given.get("read"), given.get("write")
    return Timeouts(
        given.get("connect"),
        _NEVER if read is None else read,
        _NEVER if write is None else write,
        given.get("pool"),
    )
