"""Watches sources and destinations: who is blocked, who must wait for it, and what the log says of it.

No record passes through here. Owned by the loop.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import cast

from bridge.consumers.base import Link
from bridge.errors import DeadLetterError
from bridge.intake import Intake
from bridge.logs import RateLimited, get_logger
from bridge.model import Stream
from bridge.parts import Parts
from bridge.send.parcel import Owner
from bridge.send.verdict import Verdict
from bridge.settle.letters import Cause
from bridge.settle.tickets import Load, Ticket
from bridge.tally import Tally

_log = get_logger("bridge")
_REPEAT_SECONDS = 10.0


class Overseer:
    """The one that everything reports to which is no record.

    Args:
        tally: where it is counted.
        parts: what is watched.
        on_end: called when a source ended, with its error if it cannot go on.
    """

    def __init__(
        self, tally: Tally, parts: Parts, on_end: Callable[[Intake, Exception | None], None]
    ) -> None:
        self._tally = tally
        self._on_end = on_end
        self._repeats = RateLimited(_REPEAT_SECONDS)
        self._parts = parts
        self._crowded: set[str] = set()

    # Destinations

    def answered(self, destination: str, verdict: Verdict, seconds: Sequence[float], again: int) -> None:
        """Requests ended."""
        self._tally.answered(destination, verdict, seconds, again)
        if again or self._parts.dispatchers[destination].is_blocked:
            self._check_drains()

    def turned(self, destination: str, blocked_reason: str, status: int) -> None:
        """A destination was blocked or opened."""
        if blocked_reason:
            _log.error("destination blocked", destination=destination, reason=blocked_reason, status=status)
        else:
            _log.info("destination open", destination=destination)
        self._check_drains()

    def waits_changed(self) -> None:
        """Streams that feed blocked destinations may have to wait, or need to no more."""
        for intake in self._parts.intakes.values():
            intake.breathe()

    def blocked(self) -> dict[str, int]:
        """The events that wait, by blocked destination; one without any needs new ones to probe."""
        return {name: d.waiting for name, d in self._parts.dispatchers.items() if d.holds_sources}

    def retrying(self, source: str) -> dict[Stream, Load]:
        """What stands in lanes under retry; where all waits for its destination, it is counted there."""
        total: dict[Stream, Load] = {}
        for dispatcher in self._parts.dispatchers.values():
            if not dispatcher.retries.lanes or dispatcher.holds_sources:
                continue
            for stream, (records, size_bytes) in dispatcher.retries.held(_weigh).items():
                if stream.source == source:
                    before = total.get(stream, Load(0, 0))
                    total[stream] = Load(before.records + records, before.bytes + size_bytes)
        return total

    # Sources

    def crowded(self, intake: Intake, is_crowded: bool) -> None:
        """Retries fill their share of a source's room: whatever it feeds must take something, or is out."""
        (self._crowded.add if is_crowded else self._crowded.discard)(intake.name)
        crowded = [self._parts.intakes[name] for name in self._crowded]
        fed = {name for one in crowded for names in one.feeds.values() for name in names}
        for name, dispatcher in self._parts.dispatchers.items():
            dispatcher.controller.is_crowded = name in fed
        say = _log.warning if is_crowded else _log.info
        say("retries fill their share" if is_crowded else "retries have room", source=intake.name)

    def given_back(self) -> None:
        """Records were given back: their events are forgotten."""
        for dispatcher in self._parts.dispatchers.values():
            dispatcher.abandon_fenced()

    def is_stuck(self) -> bool:
        """Every event waits for a blocked destination, and no probe or letter is under way."""
        waiting = [d for d in self._parts.dispatchers.values() if d.waiting]
        return (
            bool(waiting) and not self._parts.undertaker.pending and all(d.is_idle_blocked for d in waiting)
        )

    def linked(self, intake: Intake, detail: str) -> None:
        """A broker connection changed."""
        say = _log.warning if intake.link is Link.CONNECTING and detail else _log.info
        say("broker link", source=intake.name, state=intake.link.name.lower(), detail=detail)

    def rebalanced(self, intake: Intake, kind: str, streams: Collection[Stream]) -> None:
        """Streams came or went."""
        names = sorted(f"{stream.name}/{stream.number}" for stream in streams)
        _log.info("streams " + kind, source=intake.name, streams=names)

    def ignored(self, intake: Intake, what: Sequence[str]) -> None:
        """Metadata of commits was of no use: what had finished beyond those commits is sent again."""
        _log.warning("commit metadata ignored", source=intake.name, streams=list(what))

    def ended(self, intake: Intake, error: Exception | None) -> None:
        """A source reads no more."""
        if error is None:
            _log.info("source ended", source=intake.name)
        self._on_end(intake, error)

    # Dead letters

    def buried(self, ticket: Ticket, cause: Cause) -> None:
        """A letter was confirmed: its stream may go on."""
        self._intake_of(ticket).let_go("dead_letters_unavailable", ticket.record.stream)

    def unburied(self, ticket: Ticket, error: DeadLetterError) -> None:
        """A letter could not be written: its stream waits, nothing is skipped."""
        self._tally.letter_failed()
        source = ticket.record.stream.source
        text = str(error)
        self._repeats.log(
            _log.error, "dead letter not written", key=f"{source} {text}", source=source, error=text
        )
        if not ticket.fenced:
            self._intake_of(ticket).hold_back("dead_letters_unavailable", ticket.record.stream)

    def _intake_of(self, ticket: Ticket) -> Intake:
        return self._parts.intakes[ticket.record.stream.source]

    def _check_drains(self) -> None:
        for intake in self._parts.intakes.values():
            intake.check_drains()


def _weigh(owner: Owner) -> tuple[Stream, int]:
    """``send`` knows the owner only as somebody who may be fenced; here it was a ticket all along."""
    ticket = cast("Ticket", owner)
    return ticket.record.stream, ticket.size_bytes
