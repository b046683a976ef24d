"""What httpx sees: ``LeanTransport``."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any

import httpx

from bridge.send.http1.dialer import Dialer, Origin
from bridge.send.http1.pool import Bounds, Pool, Timeouts
from bridge.send.http1.request import body_of, encoded

_PORTS = {"http": 80, "https": 443}
_NEVER = float("inf")


class LeanTransport(httpx.AsyncBaseTransport):
    """HTTP/1.1 over plain TCP and TLS, without proxies, redirects or retries of its own.

    A timeout of ``read`` bounds the whole head of a response, and then each wait for more of a long body, so
    a server that drips does not hold a connection for ever. All errors are those of httpx. Owned by the loop
    that the first request runs on.

    Args:
        context: TLS settings, client certificate included; by default those of the system, verification on.
        bounds: how many connections to an origin, and how long they live.
    """

    def __init__(self, context: ssl.SSLContext | None = None, bounds: Bounds | None = None) -> None:
        self._context = context
        self._bounds = bounds or Bounds()
        self._pools: dict[tuple[str, str, int | None], Pool] = {}
        self._timeouts: dict[int, tuple[Mapping[str, Any], Timeouts]] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; the response's body is at hand, or streams when it is long.

        Raises:
            httpx.TransportError: its subclasses say what failed.
        """
        data = encoded(request, await body_of(request))
        timeouts = self._timeouts_of(request)
        pool = self._pool(request.url)
        connection = pool.take_idle() or await pool.take(timeouts)
        pool.watch(timeouts)
        waiter = connection.exchange(
            data, timeouts.read or _NEVER, timeouts.write or _NEVER, bodiless=request.method == "HEAD"
        )
        try:
            return await waiter
        except BaseException:
            connection.abandon(waiter)
            raise

    async def aclose(self) -> None:
        """Close every connection; what is under way fails."""
        for pool in self._pools.values():
            pool.close()

    def _timeouts_of(self, request: httpx.Request) -> Timeouts:
        """Converted once for each mapping: who sends much passes the same one again and again."""
        given = request.extensions.get("timeout") or {}
        known = self._timeouts.get(id(given))
        if known is None or known[0] is not given:
            if len(self._timeouts) > 64:  # noqa: PLR2004 -- any small bound does
                self._timeouts.clear()
            known = self._timeouts[id(given)] = (given, Timeouts(**given))
        return known[1]

    def _pool(self, url: httpx.URL) -> Pool:
        key = (url.scheme, url.host, url.port)
        pool = self._pools.get(key)
        if pool is None:
            pool = self._pools[key] = self._new_pool(url)
        return pool

    def _new_pool(self, url: httpx.URL) -> Pool:
        if url.scheme not in _PORTS:
            raise httpx.UnsupportedProtocol(f"no http or https: {url.scheme or 'a URL without a scheme'}")
        secure = url.scheme == "https"
        if secure and self._context is None:
            self._context = ssl.create_default_context()
        host = url.raw_host.decode("ascii").strip("[]")
        return Pool(Dialer(Origin(secure, host, url.port or _PORTS[url.scheme]), self._context), self._bounds)
