"""Whose turn it is among the dead letters of one stream, once one of them could not be written."""

from __future__ import annotations

import asyncio
from bisect import bisect_left, insort


class Turns:
    """Letters leave as they come, none waiting for another, until one is late: those behind it are late too.

    Of the late ones only the first may try. Numbers grow as letters are asked for. Owned by the loop.
    """

    def __init__(self) -> None:
        self._late: list[int] = []
        self._waiting: dict[int, asyncio.Future[None]] = {}

    def __repr__(self) -> str:
        return f"<Turns late={len(self._late)}>"

    async def come(self, number: int) -> None:
        """Return when none before it is late."""
        while self._late and self._late[0] < number:
            self.failed(number)
            self._waiting[number] = asyncio.get_running_loop().create_future()
            await self._waiting[number]

    def failed(self, number: int) -> None:
        """It is late, and keeps its place."""
        at = bisect_left(self._late, number)
        if self._late[at : at + 1] != [number]:
            insort(self._late, number)

    def left(self, number: int) -> None:
        """It was written, or need not be any more: the next one's turn has come."""
        at = bisect_left(self._late, number)
        if self._late[at : at + 1] == [number]:
            del self._late[at]
        turn = self._waiting.pop(self._late[0], None) if self._late else None
        if turn is not None and not turn.done():
            turn.set_result(None)
