"""Speaks HTTP to one destination; the only stage file that knows httpx.

The seam is ``httpx.AsyncBaseTransport``, called directly: httpx's client layer costs about 390 µs a
request and adds nothing here (cookies, redirects and auth flows are not wanted; a redirect must never
be followed with the write key).
"""

from __future__ import annotations

from typing import cast

import httpx

from bridge.config import Destination
from bridge.secrets import SecretSource
from bridge.send.verdict import Answer

_BODY_LIMIT_BYTES = 16 * 1024

# httpx's own errors, most special first; anything else under TransportError is "network".
_FAILURES: tuple[tuple[type[httpx.TransportError], str], ...] = (
    (httpx.ConnectTimeout, "connect_timeout"),
    (httpx.PoolTimeout, "pool_timeout"),
    (httpx.TimeoutException, "timeout"),
    (httpx.ConnectError, "connect"),
)


class Client:
    """One destination's sender. Owned by the loop.

    Args:
        settings: URL and timeouts.
        write_key: the key, read again when its file changes.
        transport: the network, or ``httpx.MockTransport`` in tests.
        agent: the ``User-Agent``.
    """

    def __init__(
        self, settings: Destination, write_key: SecretSource, transport: httpx.AsyncBaseTransport, agent: str
    ) -> None:
        self._url = httpx.URL(settings.url)
        self._write_key = write_key
        self._transport = transport
        timeout = settings.timeout
        self._extensions = {
            "timeout": {
                "connect": timeout.connect,
                "read": timeout.read,
                "write": timeout.write,
                "pool": timeout.pool,
            }
        }
        self._fixed = [
            (b"Host", self._url.netloc),
            (b"Content-Type", b"application/json"),
            (b"Accept", b"application/json"),
            (b"User-Agent", agent.encode()),
        ]
        self._headers: list[tuple[bytes, bytes]] = []
        self.refresh_key()

    def refresh_key(self) -> bool:
        """Read the write key again; True when it is another one."""
        changed = self._write_key.reload()
        authorization = b"Bearer " + self._write_key.value().encode()
        self._headers = [*self._fixed, (b"Authorization", authorization)]
        return changed

    async def post(self, body: bytes) -> Answer:
        """Send one request; every network failure is an ``Answer`` of status 0, never an exception."""
        request = httpx.Request(
            "POST",
            self._url,
            headers=[*self._headers, (b"Content-Length", b"%d" % len(body))],
            stream=httpx.ByteStream(body),
            extensions=self._extensions,
        )
        try:
            response = await self._transport.handle_async_request(request)
            try:
                return Answer(response.status_code, _headers_of(response), await _body_of(response))
            finally:
                await response.aclose()
        except httpx.TransportError as error:
            return Answer(0, failure=_failure_of(error))

    async def close(self) -> None:
        """Close all connections."""
        await self._transport.aclose()


def _headers_of(response: httpx.Response) -> dict[str, str]:
    if response.status_code == httpx.codes.OK:
        return {"content-type": response.headers.get("content-type", "")}
    return {name.lower(): value for name, value in response.headers.items()}


async def _body_of(response: httpx.Response) -> bytes:
    """The start of the body; one that is longer than the bound is left unread."""
    body = b""
    async for chunk in cast("httpx.AsyncByteStream", response.stream):
        body += chunk
        if len(body) > _BODY_LIMIT_BYTES:
            return body[:_BODY_LIMIT_BYTES]
    return body


def _failure_of(error: httpx.TransportError) -> str:
    return next((name for kind, name in _FAILURES if isinstance(error, kind)), "network")
