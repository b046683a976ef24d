"""Where dead letters are written. Written means confirmed: only then may the record settle.

The broker stores are given a publisher by ``app`` (the same clients that consume), so this stage knows
no broker library. ``publish`` calls return at once with a future of their own thread.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from pathlib import Path
from typing import Protocol

from bridge.errors import DeadLetterError, DeadLetterTooLarge
from bridge.record_lines import line_of
from bridge.settle.letters import Letter, refer
from bridge.settle.line_file import append_lines


class DeadLetterStore(Protocol):
    """Owned by the loop."""

    async def write(self, letter: Letter) -> None:
        """Write and wait for the confirmation.

        Raises:
            DeadLetterError: not written, or not known to be; the caller tries again.
        """
        ...

    async def close(self, budget_seconds: float) -> None:
        """Flush and leave."""
        ...


class Publish(Protocol):
    """How a broker client takes a letter; the future resolves when the broker confirmed it."""

    def __call__(self, letter: Letter) -> Future[None]:
        """Returns at once; errors come through the future as ``DeadLetterError``."""
        ...


class Close(Protocol):
    """How a broker client is left."""

    def __call__(self, budget_seconds: float) -> None:
        """Blocks for at most the budget; called off the loop."""
        ...


class BrokerStore:
    """A Kafka topic (acks=all, idempotent) or a durable RabbitMQ queue (confirmed, mandatory).

    Args:
        publish: how letters are written.
        close: how the client is left.
        timeout_seconds: what is not confirmed by then has failed.
        references: write a letter that is too large without its body, where the source keeps that.
    """

    def __init__(
        self, publish: Publish, close: Close, timeout_seconds: float = 30.0, *, references: bool = True
    ) -> None:
        self._references = references
        self._publish = publish
        self._close = close
        self._timeout_seconds = timeout_seconds

    async def write(self, letter: Letter) -> None:
        """Publish and wait for the broker's confirmation."""
        try:
            await self._confirmed(letter)
        except DeadLetterTooLarge:
            if letter.record.queue or not self._references:
                raise
            await self._refer(letter)

    async def _refer(self, letter: Letter) -> None:
        """In its place, as much of it as the store takes."""
        try:
            await self._confirmed(refer(letter))
        except DeadLetterTooLarge:
            await self._confirmed(refer(letter, with_headers=False))

    async def _confirmed(self, letter: Letter) -> None:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await asyncio.wrap_future(self._publish(letter))
        except TimeoutError as error:
            raise DeadLetterError("the broker did not confirm a dead letter in time") from error

    async def close(self, budget_seconds: float) -> None:
        """Close the publisher off the loop."""
        await asyncio.to_thread(self._close, budget_seconds)


class FileStore:
    """JSON lines, each fsynced before it counts; letters take turns."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._turn = asyncio.Lock()

    async def write(self, letter: Letter) -> None:
        """Append one line and fsync it."""
        async with self._turn:
            try:
                await asyncio.to_thread(append_lines, self._path, [line_of(letter.record, letter.headers)])
            except OSError as error:
                raise DeadLetterError(f"{self._path}: {error.strerror}") from error

    async def close(self, budget_seconds: float) -> None:
        """Nothing is held open."""
