"""What an operator may ask of a running bridge. Asked on the admin thread, done on the loop."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Protocol

from bridge.intake import Intake
from bridge.logs import get_logger
from bridge.settle.tickets import Ticket

PAUSED = "paused_by_operator"

_log = get_logger("bridge")
_PLACE = re.compile(r"(?P<name>.+):(?P<number>[0-9]{1,9}):(?P<offset>[0-9]{1,18})")


class NotThere(LookupError):
    """There is no such source or record here; the message says what there is."""


class Doer(Protocol):
    """Who does what pausing alone does not; called on the loop."""

    def resumed(self, intake: Intake) -> None:
        """A source is resumed: what else an operator's word ends."""
        ...

    def skip(self, intake: Intake, ticket: Ticket) -> None:
        """A dead letter in the place of whatever the record was to become."""
        ...


class Control:
    """Pauses and resumes sources, skips records.

    Args:
        loop: where it is done.
        intakes: by source.
        doer: see there.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, intakes: Mapping[str, Intake], doer: Doer) -> None:
        self._loop = loop
        self._intakes = intakes
        self._doer = doer

    def pause(self, source: str) -> Future[None]:
        """Read no more of it, until ``resume`` or a restart; what was read is delivered. Any thread."""
        return self._on_loop(self._pause, source)

    def resume(self, source: str) -> Future[None]:
        """Read it again; streams that stand still for want of dead-letter budget go on too. Any thread."""
        return self._on_loop(self._resume, source)

    def skip(self, place: str) -> Future[None]:
        """A dead letter for one open record, which is then settled. Any thread.

        Args:
            place: ``TOPIC:PARTITION:OFFSET``, or a queue: then the oldest that is open of it.
        """
        return self._on_loop(self._skip, place)

    def _pause(self, source: str) -> None:
        self._intake(source).hold_back(PAUSED)
        _log.warning("source paused by operator", source=source)

    def _resume(self, source: str) -> None:
        intake = self._intake(source)
        intake.let_go(PAUSED)
        self._doer.resumed(intake)
        _log.warning("source resumed by operator", source=source)

    def _skip(self, place: str) -> None:
        intake, ticket = self._find(place)
        record = ticket.record
        _log.warning(
            "record skipped by operator",
            source=intake.name,
            stream=record.stream.name,
            partition=record.stream.number,
            offset=record.offset,
        )
        self._doer.skip(intake, ticket)

    def _find(self, place: str) -> tuple[Intake, Ticket]:
        match = _PLACE.fullmatch(place)
        for intake in self._intakes.values():
            for stream in intake.ledger.streams:
                if match and (stream.name, stream.number) == (match["name"], int(match["number"])):
                    ticket = intake.ledger.open_at(stream, int(match["offset"]))
                elif stream.name == place:
                    ticket = intake.ledger.oldest_in(stream)
                else:
                    continue
                if ticket is not None:
                    return intake, ticket
        raise NotThere(
            f"nothing that is open here lies at {place!r}: it is settled, not read yet, or another replica's"
        )

    def _on_loop(self, act: Callable[[str], None], what: str) -> Future[None]:
        """Resolves when it is done, with ``NotThere`` where there is none of it."""
        done: Future[None] = Future()

        def run() -> None:
            try:
                act(what)
            except Exception as error:  # noqa: BLE001 - who asked is told, whatever it is
                done.set_exception(error)
            else:
                done.set_result(None)

        self._loop.call_soon_threadsafe(run)
        return done

    def _intake(self, source: str) -> Intake:
        if source not in self._intakes:
            raise NotThere(f"there is no source {source!r}; there are: {', '.join(sorted(self._intakes))}")
        return self._intakes[source]
