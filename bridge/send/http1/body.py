"""The body of a response that did not come in one piece: what httpx reads, a part at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol

import httpx


class Tap(Protocol):
    """The connection that it comes over; called on the loop."""

    def read_on(self) -> None:
        """Whoever reads the body wants more."""
        ...

    def rest(self) -> None:
        """Whoever reads the body is busy with what there is."""
        ...

    def close(self) -> None:
        """No more of it is wanted."""
        ...


class Body(httpx.AsyncByteStream):
    """The body of a response that did not come in one piece."""

    def __init__(self, connection: Tap, asked_by: asyncio.Future[httpx.Response] | None) -> None:
        self.asked_by = asked_by
        self._connection: Tap | None = connection
        self._chunks: list[bytes] = []
        self._error: httpx.TransportError | None = None
        self._finished = False
        self._waiter: asyncio.Future[None] | None = None
        self.held_bytes = 0

    def extend(self, chunks: list[bytes]) -> None:
        """More of it."""
        self._chunks += chunks
        self.held_bytes += sum(map(len, chunks))
        self._wake()

    def finish(self, chunks: list[bytes]) -> None:
        """The last of it."""
        self._connection, self._finished = None, True
        self.extend(chunks)

    def fail(self, error: httpx.TransportError) -> None:
        """There will be no more of it."""
        self._connection, self._error = None, error
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            chunks, self._chunks = self._chunks, []
            self.held_bytes = 0
            for chunk in chunks:
                yield chunk
            if self._chunks:
                continue
            if self._error is not None:
                raise self._error
            if self._finished or self._connection is None:
                return
            await self._more(self._connection)

    async def _more(self, connection: Tap) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        connection.read_on()
        try:
            await self._waiter
        finally:
            self._waiter = None
            if self._connection is connection:  # else it serves somebody else by now
                connection.rest()

    async def aclose(self) -> None:
        """What was not read will not be: the connection cannot be used again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
