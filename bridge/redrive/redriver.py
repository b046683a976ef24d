"""Sends letters again, by the code that sent them first: dispatchers, controllers, order per user.

A letter is marked when all that was made of it is final: each event accepted, or its new letter
confirmed. Until then it lies where it lay, so a kill at any moment sends again, with the same ``event_id``,
and loses nothing. Owned by the loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple, Protocol, cast

from bridge.errors import DeadLetterError, DeadLetterTooLarge
from bridge.logs import redacted
from bridge.model import Reason
from bridge.pipeline import lane_key
from bridge.redrive.archive import Archive
from bridge.redrive.feeding import off_the_loop
from bridge.redrive.found import FoundLetter
from bridge.redrive.plan import Kept, Plan, Planner
from bridge.rules import event_id_of
from bridge.send.dispatcher import Dispatcher
from bridge.send.parcel import Parcel
from bridge.send.verdict import Verdict
from bridge.settle.letters import Cause
from bridge.settle.tickets import Ticket
from bridge.settle.undertaker import Undertaker

_MOST_OPEN = 1_000


class Reporter(Protocol):
    """Who is told how it goes; called on the loop."""

    def accepted(self, letter: FoundLetter) -> None:
        """All its events were accepted, and it is marked."""
        ...

    def failed(self, letter: FoundLetter, why: str) -> None:
        """Something of it failed again: that is a new letter now, and this one is marked."""
        ...

    def kept(self, letter: FoundLetter, plan: Plan) -> None:
        """It stays as it lies."""
        ...

    def waits(self, why: str) -> None:
        """Nothing moves, for this reason; empty: it does again."""
        ...


class _Open(NamedTuple):
    letter: FoundLetter
    failures: list[str]


class Redriver:
    """One redrive. ``dispatchers`` and ``undertaker`` are set before it runs; they report to it.

    Args:
        archive: where letters lie, and are marked.
        planner: what they become.
        buffer_bytes: bounds the letters that are open.
        reporter: who is told.
    """

    dispatchers: Mapping[str, Dispatcher]
    undertaker: Undertaker

    def __init__(self, archive: Archive, planner: Planner, buffer_bytes: int, reporter: Reporter) -> None:
        self._archive = archive
        self._planner = planner
        self._buffer_bytes = buffer_bytes
        self._reporter = reporter
        self._open: dict[Ticket, _Open] = {}
        self._too_large: set[Ticket] = set()
        self._bytes = 0
        self._ended: list[_Open] = []
        self._marking: asyncio.Task[None] | None = None
        self._moved = asyncio.Event()
        self._stopped = False

    def stop(self) -> None:
        """Send no more letters; what is on its way ends by itself."""
        self._stopped = True
        for ticket in self._open:
            ticket.fenced = True
        for dispatcher in self.dispatchers.values():
            dispatcher.abandon_fenced()
        self._moved.set()

    async def run(self, letters: Iterator[FoundLetter]) -> None:
        """Redrive these, in their order; returns when all are accepted and marked, failed again, or kept.

        Raises:
            BridgeError: letters can be read or marked no more.
        """
        async for letter in off_the_loop(letters, lambda one: one.record.size_bytes):
            await self._until(lambda: self._stopped or self._has_room)
            if self._stopped:
                break
            plan = await self._planner.plan(letter)
            if plan.kept is None:
                self._begin(letter, plan)
            else:
                self._reporter.kept(letter, plan)
        await self._until(lambda: not self._open and not self._ended and self._marking is None)

    @property
    def _has_room(self) -> bool:
        return len(self._open) + len(self._ended) < _MOST_OPEN and self._bytes < self._buffer_bytes

    async def _until(self, is_so: Callable[[], bool]) -> None:
        """Wait; an error of marking ends the wait and the run."""
        while True:
            if self._marking is not None and self._marking.done():
                self._marking.result()
                self._marking = None
                self._mark_soon()
            if is_so():
                return
            await self._moved.wait()
            self._moved.clear()

    # A letter's way

    def _begin(self, letter: FoundLetter, plan: Plan) -> None:
        ticket = Ticket(letter.record)
        ticket.parts = len(plan.events) + len(plan.faults)
        self._open[ticket] = _Open(letter, [])
        self._bytes += letter.record.size_bytes
        record = letter.record
        for part, event in enumerate(plan.events):
            dispatcher = self.dispatchers[event.destination]
            ordering = dispatcher.ordering
            key = event.user if ordering == "user" else lane_key(ordering, record)
            dispatcher.submit(event, ticket, key, record.stream.name, part)
        for cause in plan.faults:
            self._bury(ticket, cause)

    def _bury(self, ticket: Ticket, cause: Cause) -> None:
        self.undertaker.bury(ticket, cause, partial(self._buried, ticket, cause))

    def _buried(self, ticket: Ticket, cause: Cause) -> None:
        if ticket.fenced:
            ticket.recalled = True
        else:
            self._open[ticket].failures.append(f"{cause.reason}: {cause.error}")
        self._part_done(ticket)

    def _part_done(self, ticket: Ticket) -> None:
        ticket.parts -= 1
        if ticket.parts:
            return
        ended = self._open.pop(ticket)
        self._bytes -= ticket.record.size_bytes
        if ticket.recalled:
            why = Kept.TOO_LARGE if ticket in self._too_large else Kept.STOPPED
            self._reporter.kept(ended.letter, Plan(kept=why))
        else:
            self._ended.append(ended)
            self._mark_soon()
        self._moved.set()

    # Marks

    def _mark_soon(self) -> None:
        if self._ended and self._marking is None:
            self._marking = asyncio.create_task(self._mark())
            self._marking.add_done_callback(lambda _: self._moved.set())

    async def _mark(self) -> None:
        """Those that ended while the last ones were marked are marked together."""
        while self._ended:
            batch, self._ended = self._ended, []
            await asyncio.to_thread(self._archive.mark, [one.letter for one in batch])
            for letter, failures in batch:
                if failures:
                    self._reporter.failed(letter, "; ".join(failures))
                else:
                    self._reporter.accepted(letter)

    # From the dispatchers (``send.dispatcher.Receiver``)

    def delivered(self, parcels: Sequence[Parcel]) -> None:
        """The API took these events."""
        for parcel in parcels:
            self._part_done(_ticket_of(parcel))

    def dead(self, parcel: Parcel, verdict: Verdict, reason: Reason) -> None:
        """The event was refused again: a new letter, with its count one higher."""
        ticket, event = _ticket_of(parcel), parcel.event
        if ticket.fenced:
            self.abandoned(parcel)
            return
        letter = self._open[ticket].letter
        error = f"{verdict.reason}: {verdict.excerpt}" if verdict.excerpt else verdict.reason
        cause = Cause(
            reason,
            redacted(error),
            event.rule,
            event.destination,
            event,
            verdict.status or None,
            parcel.tries,
            letter.failed_ms,
            event_id_of(ticket.record, event),
            letter.redrives + 1,
        )
        self._bury(ticket, cause)

    def retrying(self, parcel: Parcel) -> None:
        """Its attempts are kept nowhere: the next redrive has its own."""

    def abandoned(self, parcel: Parcel) -> None:
        """The redrive was stopped before the event left."""
        ticket = _ticket_of(parcel)
        ticket.recalled = True
        self._part_done(ticket)

    # From the dispatchers (``send.dispatcher.Witness``) and the undertaker (``settle.undertaker.Mourner``)

    def answered(self, destination: str, verdict: Verdict, seconds: Sequence[float], again: int) -> None:
        """Requests ended."""

    def turned(self, destination: str, blocked_reason: str, status: int) -> None:
        """A destination was blocked or opened."""
        said = f"destination {destination} is blocked: {blocked_reason}" if blocked_reason else ""
        self._reporter.waits(f"{said} (status {status})" if said and status else said)

    def waits_changed(self) -> None:
        """Nobody waits for a destination here but the letters themselves."""

    def buried(self, ticket: Ticket, cause: Cause) -> None:
        """A new letter was confirmed."""
        self._reporter.waits("")

    def unburied(self, ticket: Ticket, error: DeadLetterError) -> None:
        """A new letter could not be written; it is tried again, unless that can never help."""
        if isinstance(error, DeadLetterTooLarge):
            self._too_large.add(ticket)
            ticket.fenced = True
        else:
            self._reporter.waits(f"a new dead letter cannot be written: {error}")


def _ticket_of(parcel: Parcel) -> Ticket:
    return cast("Ticket", parcel.owner)
