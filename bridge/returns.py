"""What was held for too long goes back to its broker, and is read again once it can be taken.

RabbitMQ closes the channel of a consumer that holds a delivery for longer than its consumer timeout, and
delivers again: in an outage again and again, each time counted against a quorum queue's delivery limit. So
at half of the timeout all of the stream is given back, once, and the stream stays closed until what it
waited for has come: a destination takes events (a copy of one event asks it meanwhile), or other rules or a
schema are there.

Owned by the loop; looks a few times a second, so no record pays for it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import cast

from bridge.intake import Intake
from bridge.logs import get_logger
from bridge.model import Stream
from bridge.send.dispatcher import Dispatcher
from bridge.settle.tickets import Ticket

_log = get_logger("bridge")
_AGAIN_SECONDS = 5.0
"""All lanes are gone through for a stream that is overdue; where that finds nothing, not at once again."""


@dataclass(slots=True)
class Cause:
    """What a stream waits for: other rules or a schema (``reasons``), and destinations that take events."""

    reasons: set[str] = field(default_factory=set)
    destinations: set[str] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.reasons or self.destinations)


def overdue(
    held_since: Mapping[Stream, float], known: Mapping[Stream, float], longest_seconds: float, now: float
) -> set[Stream]:
    """The streams that hold a record for too long.

    Args:
        held_since: when the oldest record came that each holds.
        known: what ``held_since`` was when the stream was last given back; it may say so a while longer.
        longest_seconds: how long a record may be held.
        now: of the same clock.
    """
    return {
        stream
        for stream, since in held_since.items()
        if now - since >= longest_seconds and since > known.get(stream, float("-inf"))
    }


class Returns:
    """Gives back and reopens.

    Args:
        intakes: all sources.
        dispatchers: all destinations.
        now: the clock of ``ConsumerStats.held_since``.
    """

    def __init__(
        self, intakes: Mapping[str, Intake], dispatchers: Mapping[str, Dispatcher], now: Callable[[], float]
    ) -> None:
        self._intakes = intakes
        self._dispatchers = dispatchers
        self._now = now
        self._waits: dict[Stream, Cause] = {}
        self._known: dict[Stream, float] = {}
        self._accepted: dict[str, tuple[int, float]] = {}
        self._next_look: dict[str, float] = {}

    @property
    def sources(self) -> set[str]:
        """Those of which some stream is given back and closed."""
        return {stream.source for stream in self._waits}

    def look(self) -> None:
        """Give back what is overdue, reopen what waits for nothing any more."""
        now = self._now()
        self._note_acceptances(now)
        for intake in self._intakes.values():
            longest = intake.consumer.longest_hold_seconds
            streams = (
                overdue(intake.consumer.stats.held_since, self._known, longest, now) - self._waits.keys()
            )
            if streams and now >= self._next_look.get(intake.name, now):
                self._next_look[intake.name] = now + _AGAIN_SECONDS
                self._give_back(intake, streams, now - longest / 2)
        if self._waits:
            self._reopen()

    def release(self, reasons: Collection[str]) -> None:
        """Other rules, or a schema, are there."""
        for cause in self._waits.values():
            cause.reasons.difference_update(reasons)
        if self._waits:
            self._reopen()

    def _note_acceptances(self, now: float) -> None:
        for name, dispatcher in self._dispatchers.items():
            accepted = dispatcher.controller.accepted
            if self._accepted.get(name, (0, now))[0] != accepted:
                self._accepted[name] = (accepted, now)

    def _takes_nothing(self, name: str, since_seconds: float) -> bool:
        """Blocked, or too few users have events for it to be blocked and none was accepted for long."""
        last = self._accepted.get(name, (0, float("-inf")))[1]
        return self._dispatchers[name].is_blocked or last <= since_seconds

    def _give_back(self, intake: Intake, streams: set[Stream], silent_since: float) -> None:
        """All at once, so that no event of one is left to hold up the others."""
        causes: defaultdict[Stream, Cause] = defaultdict(Cause)
        for stream in streams:
            causes[stream].reasons.update(intake.held_for(stream))
        for name, dispatcher in self._dispatchers.items():
            if self._takes_nothing(name, silent_since):
                paused = {s for s in streams if dispatcher.is_blocked and name in intake.feeds.get(s, ())}
                for stream in _keep_spare(dispatcher, streams, paused):
                    causes[stream].destinations.add(name)
        found = {stream: cause for stream, cause in causes.items() if cause}
        if not found:
            return
        held_since = intake.consumer.stats.held_since
        self._known.update({stream: held_since[stream] for stream in found})
        self._waits.update(found)
        intake.give_back(found.keys())
        _log.warning(
            "held too long: given back to the broker",
            source=intake.name,
            streams=sorted(stream.name for stream in found),
            destinations=sorted(set().union(*(cause.destinations for cause in found.values()))),
            reasons=sorted(set().union(*(cause.reasons for cause in found.values()))),
            after_seconds=intake.consumer.longest_hold_seconds,
        )

    def _reopen(self) -> None:
        """A destination that has no copy any more took something, or refused the copy: it answers."""
        asking = {name for name, dispatcher in self._dispatchers.items() if dispatcher.has_spare}
        over = [
            s for s, one in self._waits.items() if not one.reasons and one.destinations.isdisjoint(asking)
        ]
        by_source: defaultdict[str, list[Stream]] = defaultdict(list)
        for stream in over:
            del self._waits[stream]
            by_source[stream.source].append(stream)
        for source, streams in by_source.items():
            self._intakes[source].consumer.reopen(streams)
            _log.info("read again", source=source, streams=sorted(stream.name for stream in streams))


def _keep_spare(dispatcher: Dispatcher, streams: set[Stream], paused: set[Stream]) -> set[Stream]:
    """Leave a copy of one event with the destination; gives the streams that wait for it.

    Args:
        dispatcher: the destination.
        streams: that hold records for too long.
        paused: those of them that feed it; all that they hold may not have been handed over yet.
    """
    lanes = dispatcher.every_lane()
    owners = (parcel.owner for lane in lanes for parcel in lane)
    waiting = {cast("Ticket", owner).record.stream for owner in owners if not owner.fenced} & streams | paused
    if waiting and lanes:
        dispatcher.keep_spare(lanes[0][0])
    return waiting if dispatcher.has_spare else set()
