"""The network of a destination, as its settings want it: our own HTTP/1.1, or httpx's for all else.

httpx's pool looks at all its connections for each request: 0.9 ms of CPU alone, 3 ms with 16 connections,
10 ms with 64 (measured). Many pools of one connection each do not have to look.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from importlib.util import find_spec
from pathlib import Path
from typing import cast

import httpx

from bridge.config import Destination, Transport
from bridge.errors import ConfigError
from bridge.send.http1 import LeanTransport
from bridge.send.http1.pool import Bounds

_KEEP_ALIVE_SECONDS = 30.0
_NO_PASSWORD = ""


def default_transport(settings: Destination) -> httpx.AsyncBaseTransport:
    """As many connections as requests are in flight, kept alive, never retrying by themselves.

    Raises:
        ConfigError: a PEM file that cannot be used, or HTTP/2 without its library.
    """
    wanted = settings.transport
    context = _tls(wanted)
    connections = wanted.connections or settings.max_in_flight
    if wanted.kind == "lean":
        return LeanTransport(context, Bounds(connections, _KEEP_ALIVE_SECONDS))
    if wanted.http2:
        _demand_http2()
        # A connection carries many requests, so the pool has few to look at.
        return _httpx(wanted, context, connections)
    return OneEach(lambda: _httpx(wanted, context, connections=1))


def _demand_http2() -> None:
    """At start: httpx itself would notice at the first request."""
    if find_spec("h2") is None:
        raise ConfigError(
            "HTTP/2 needs a library that is not installed",
            where="transport.http2",
            hint="pip install 'httpx[http2]', or leave http2 out",
        )


def _httpx(wanted: Transport, context: ssl.SSLContext, connections: int) -> httpx.AsyncHTTPTransport:
    limits = httpx.Limits(
        max_connections=connections,
        max_keepalive_connections=connections,
        keepalive_expiry=_KEEP_ALIVE_SECONDS,
    )
    return httpx.AsyncHTTPTransport(
        verify=context, limits=limits, retries=0, http2=wanted.http2, proxy=wanted.proxy
    )


def _tls(wanted: Transport) -> ssl.SSLContext:
    """Verification on, the client certificate in it."""
    try:
        context = ssl.create_default_context(cafile=None if wanted.ca is None else str(wanted.ca))
    except OSError as error:
        raise _unusable(
            "ca", wanted.ca, error, "a PEM file of one or more authorities' certificates"
        ) from None
    if wanted.cert is not None and wanted.key is not None:
        try:
            context.load_cert_chain(wanted.cert, wanted.key, lambda: _NO_PASSWORD)
        except OSError as error:
            hint = "PEM files: the certificate with its chain, and its own key without a password"
            raise _unusable("cert", wanted.cert, error, hint) from None
    context.set_alpn_protocols(["http/1.1"])
    return context


def _unusable(key: str, path: Path | None, error: OSError, hint: str) -> ConfigError:
    why = (error.reason if isinstance(error, ssl.SSLError) else error.strerror) or type(error).__name__
    return ConfigError(f"{path} cannot be used: {why}", where=f"transport.{key}", hint=hint)


class OneEach(httpx.AsyncBaseTransport):
    """Gives each request a transport of its own for as long as it lasts; the last used is used first.

    Who sends must close the response, and bounds how many requests are under way. Owned by the loop.

    Args:
        make: makes one more transport.
    """

    def __init__(self, make: Callable[[], httpx.AsyncBaseTransport]) -> None:
        self._make = make
        self._idle: list[httpx.AsyncBaseTransport] = []
        self._all: list[httpx.AsyncBaseTransport] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send on an idle transport; it is idle again once the response is closed."""
        transport = self._idle.pop() if self._idle else self._more()
        try:
            response = await transport.handle_async_request(request)
        except BaseException:
            self._idle.append(transport)
            raise
        stream = cast("httpx.AsyncByteStream", response.stream)
        response.stream = _Returning(stream, lambda: self._idle.append(transport))
        return response

    def _more(self) -> httpx.AsyncBaseTransport:
        transport = self._make()
        self._all.append(transport)
        return transport

    async def aclose(self) -> None:
        """Close every connection."""
        for transport in self._all:
            await transport.aclose()


class _Returning(httpx.AsyncByteStream):
    """A response's body that says once when it is closed."""

    def __init__(self, stream: httpx.AsyncByteStream, give_back: Callable[[], None]) -> None:
        self._stream = stream
        self._give_back: Callable[[], None] | None = give_back

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            yield chunk

    async def aclose(self) -> None:
        try:
            await self._stream.aclose()
        finally:
            give_back, self._give_back = self._give_back, None
            if give_back is not None:
                give_back()
