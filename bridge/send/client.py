"""Speaks HTTP to one destination; the only stage file that knows httpx.

The seam is ``httpx.AsyncBaseTransport``, called directly: httpx's client layer costs about 390 µs a
request and adds nothing here (cookies, redirects and auth flows are not wanted; a redirect must never
be followed with the write key).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import cast

import httpx

from bridge.config import Destination
from bridge.errors import ConfigError
from bridge.secrets import SecretSource
from bridge.send.answers import failure_of, headers_of, take
from bridge.send.http1.prepared import Prepared
from bridge.send.http1.transport import LeanTransport
from bridge.send.verdict import Answer

_BODY_LIMIT_BYTES = 16 * 1024


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
        self._url = _url(settings.url)
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
        self._prepared: Prepared | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.refresh_key()

    def refresh_key(self) -> bool:
        """Read the write key again; True when it is another one."""
        changed = self._write_key.reload()
        self._take_key()
        return changed

    def look_at_key(self) -> bool:
        """Take the write key's file if it is another one now; True when the key is.

        Raises:
            ConfigError: once for each file that cannot be used; the old key stays.
        """
        changed = self._write_key.look()
        if changed:
            self._take_key()
        return changed

    def _take_key(self) -> None:
        authorization = b"Bearer " + self._write_key.value().encode()
        self._headers = [*self._fixed, (b"Authorization", authorization)]
        self._prepared = None

    def post(self, body: bytes, done: Callable[[Answer], None]) -> None:
        """Send one request; returns at once.

        Args:
            body: of the request.
            done: called once, on the loop; a network failure is an ``Answer`` of status 0.
        """
        prepared = self._prepared or self._prepare()
        if prepared is not None:
            prepared.send(body, partial(take, done))
            return
        task = asyncio.get_running_loop().create_task(self._post(body, done))
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _prepare(self) -> Prepared | None:
        """Only our own transport takes requests without a task."""
        if isinstance(self._transport, LeanTransport):
            self._prepared = self._transport.prepare(self._request(b""))
        return self._prepared

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A task that raised is a bug: it reaches the loop's handler instead of dying in silence."""
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            context = {"message": "a request failed", "exception": error}
            asyncio.get_running_loop().call_exception_handler(context)

    async def _post(self, body: bytes, done: Callable[[Answer], None]) -> None:
        """Over any other of httpx's transports."""
        try:
            response = await self._transport.handle_async_request(self._request(body))
            try:
                answer = Answer(
                    response.status_code, headers_of(response.headers.raw), await _body_of(response)
                )
            finally:
                await response.aclose()
        except httpx.TransportError as error:
            answer = Answer(0, failure=failure_of(error))
        done(answer)

    def _request(self, body: bytes) -> httpx.Request:
        return httpx.Request(
            "POST",
            self._url,
            headers=[*self._headers, (b"Content-Length", b"%d" % len(body))],
            stream=httpx.ByteStream(body),
            extensions=self._extensions,
        )

    async def close(self) -> None:
        """Close all connections; what is under way fails."""
        for task in self._tasks:
            task.cancel()
        await self._transport.aclose()


def _url(text: str) -> httpx.URL:
    try:
        return httpx.URL(text)
    except httpx.InvalidURL as error:
        raise ConfigError(f"no usable URL: {error}", where="url") from None


async def _body_of(response: httpx.Response) -> bytes:
    """The start of the body; one that is longer than the bound is left unread."""
    body = b""
    async for chunk in cast("httpx.AsyncByteStream", response.stream):
        body += chunk
        if len(body) > _BODY_LIMIT_BYTES:
            return body[:_BODY_LIMIT_BYTES]
    return body
