"""Writes dead letters until each is confirmed; only then is its part of a record final.

While a letter cannot be written its record stays open, so nothing passes it. What comes behind it in its
stream is written after it: letters of a queue are redriven in the order in which they lie. Owned by the loop.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Protocol

import msgspec

from bridge.errors import DeadLetterError
from bridge.model import Stream
from bridge.settle.letters import Cause, write_letter
from bridge.settle.stores import DeadLetterStore
from bridge.settle.tickets import Ticket
from bridge.settle.turns import Turns

_RETRY_BASE_SECONDS = 0.2
_RETRY_CAP_SECONDS = 10.0


class Mourner(Protocol):
    """Who is told; called on the loop, returns at once."""

    def buried(self, ticket: Ticket, cause: Cause) -> None:
        """A letter was confirmed."""
        ...

    def unburied(self, ticket: Ticket, error: DeadLetterError) -> None:
        """A write failed; it is tried again, and the record's stream should not go on meanwhile."""
        ...


class Undertaker:
    """The only writer of dead letters.

    ``rules_hash`` names the rules in force, for the letters. ``pending_events`` counts, by destination,
    refused events whose letters are not yet confirmed. ``now`` gives seconds since 1970.
    """

    def __init__(
        self,
        store: DeadLetterStore,
        mourner: Mourner,
        random: Callable[[], float],
        rules_hash: str,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._now = now
        self._mourner = mourner
        self._random = random
        self._tasks: set[asyncio.Task[None]] = set()
        self._turns: defaultdict[Stream, Turns] = defaultdict(Turns)
        self._asked = 0
        self.pending_events: Counter[str] = Counter()
        self.rules_hash = rules_hash

    @property
    def pending(self) -> int:
        """Letters not yet confirmed."""
        return len(self._tasks)

    def bury(self, ticket: Ticket, cause: Cause, confirmed: Callable[[], None]) -> None:
        """Write a letter; ``confirmed`` is called on the loop once its store said so.

        A record that is given back meanwhile needs no letter: whoever reads it next writes it.
        """
        if cause.event is not None:
            self.pending_events[cause.event.destination] += 1
        self._asked += 1
        task = asyncio.get_running_loop().create_task(self._bury(ticket, cause, self._asked, confirmed))
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A task that raised is a bug: it reaches the loop's handler instead of dying in silence."""
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            context = {"message": "a dead letter failed", "exception": error}
            asyncio.get_running_loop().call_exception_handler(context)

    async def _bury(self, ticket: Ticket, cause: Cause, number: int, confirmed: Callable[[], None]) -> None:
        if cause.first_failed_ms is None:
            cause = msgspec.structs.replace(cause, first_failed_ms=int(self._now() * 1000))
        await self._write(ticket, cause, number)
        if cause.event is not None:
            self.pending_events[cause.event.destination] -= 1
        confirmed()

    async def _write(self, ticket: Ticket, cause: Cause, number: int) -> None:
        letter = write_letter(ticket.record, cause, self.rules_hash)
        turns = self._turns[ticket.record.stream]
        failures = 0
        await turns.come(number)
        while not ticket.fenced:
            try:
                await self._store.write(letter)
            except DeadLetterError as error:
                turns.failed(number)
                self._mourner.unburied(ticket, error)
            else:
                self._mourner.buried(ticket, cause)
                break
            ceiling = min(_RETRY_CAP_SECONDS, _RETRY_BASE_SECONDS * 2.0 ** min(failures, 10))
            failures += 1
            await asyncio.sleep(ceiling * (0.5 + self._random() / 2))
            await turns.come(number)
        turns.left(number)

    async def close(self, budget_seconds: float) -> None:
        """Give up what is not confirmed (its records stay unsettled) and close the store."""
        for task in self._tasks:
            task.cancel()
        await self._store.close(budget_seconds)
