"""One record's turn under one envelope: what rules share, computed when the first of them asks."""

from __future__ import annotations

from typing import Any

import msgspec

from bridge.config import Limits
from bridge.model import Event, Reason, Record, Scope
from bridge.rules.identity import EventIds, record_identity
from bridge.rules.meta import meta_of
from bridge.rules.times import NoTime, at_milliseconds, format_time, timestamp_of

encode = msgspec.json.Encoder().encode


class Unfit(Exception):
    """An event that must not be sent although every expression of it had a value.

    ``emit`` is the index of the emit at fault, None where it is none's.
    """

    def __init__(self, reason: Reason, message: str, emit: int | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.emit = emit


class Turn(msgspec.Struct):
    """Passed to the compiled rules; ``events`` is what they made so far of the whole record.

    One is made for each record that comes to a rule at all, hence a struct: half the time of a class.
    """

    record: Record
    scope: Scope
    events: list[Event]
    timestamp_fallbacks: int = 0
    _ids: EventIds | None = None
    _meta: dict[str, Any] | None = None
    _meta_fields: frozenset[str] | None = None
    _time: tuple[str, int] | None = None

    def __repr__(self) -> str:
        return f"<Turn of {self.record}>"

    def mark(self) -> tuple[int, int]:
        """How much there is now, for ``take_back``."""
        return len(self.events), self.timestamp_fallbacks

    def take_back(self, mark: tuple[int, int]) -> None:
        """Forget what came after ``mark``: a rule at fault sends none of its events."""
        created, self.timestamp_fallbacks = mark
        del self.events[created:]

    def meta(self, fields: frozenset[str] | None) -> dict[str, Any]:
        """The variable ``meta``, with at least the fields that a rule asks for; None: all."""
        if self._meta is None or self._meta_fields != fields:
            self._meta, self._meta_fields = meta_of(self.record, fields), fields
        return self._meta

    def event_id(self, rule: str, emit: int, element: int) -> str:
        """The id of one event of this record."""
        if self._ids is None:
            self._ids = EventIds(record_identity(self.record, self.scope.identity))
        return self._ids.event_id(rule, emit, element)

    def time(self) -> tuple[str, int] | None:
        """The timestamp of an event that says none: the envelope's, else the broker's, else counted."""
        if self._time is None:
            self._time = self._envelope_time() or self._broker_time()
            if self._time is None:
                self.timestamp_fallbacks += 1
        return self._time

    def _envelope_time(self) -> tuple[str, int] | None:
        if self.scope.time is None:
            return None
        try:
            return timestamp_of(self.scope.time, None)
        except NoTime as error:
            raise Unfit(Reason.RULE_FAULT, f"the CloudEvent's time: {error}") from None

    def _broker_time(self) -> tuple[str, int] | None:
        number = self.record.timestamp_ms
        moment = at_milliseconds(number) if number is not None else None
        return (format_time(moment), number) if moment is not None and number is not None else None


class Mint:
    """Makes the events of one rule from their payloads.

    Args:
        rule: its name.
        destination: where its events go.
        with_event_id: whether payloads carry ``event_id``.
        limits: ``payload`` and ``events_per_record`` are used.
    """

    __slots__ = ("_destination", "_max_bytes", "_max_events", "_rule", "_with_event_id")

    def __init__(self, rule: str, destination: str, with_event_id: bool, limits: Limits) -> None:
        self._rule = rule
        self._destination = destination
        self._with_event_id = with_event_id
        self._max_bytes = limits.payload
        self._max_events = limits.events_per_record

    def check_room(self, turn: Turn, emit: int, count: int) -> None:
        """Refuse a fan-out before it is computed.

        Raises:
            Unfit: the record would give too many events.
        """
        if len(turn.events) + count > self._max_events:
            problem = f"more than {self._max_events} events of one record (limits.events_per_record)"
            raise Unfit(Reason.RULE_FAULT, problem, emit)

    def strike(
        self,
        turn: Turn,
        event_type: str,
        parts: list[bytes],
        ids: tuple[str | None, str | None],
        place: tuple[int, int],
        time_ms: int | None,
    ) -> None:
        """Add one event to the turn.

        Args:
            turn: the record's.
            event_type: of the payload.
            parts: the payload's JSON, complete but for ``event_id`` and the last bracket.
            ids: its ``user_id`` and ``anonymous_id``.
            place: index of the emit, index of the element.
            time_ms: the payload's timestamp.

        Raises:
            Unfit: nobody it is about, too large, or too many.
        """
        emit, element = place
        user_id, anonymous_id = ids
        if user_id is None and anonymous_id is None:
            raise Unfit(Reason.NO_IDENTITY, "neither user_id nor anonymous_id has a value", emit)
        events = turn.events
        if len(events) >= self._max_events:
            self.check_room(turn, emit, 1)
        event_id = ""
        if self._with_event_id:
            event_id = turn.event_id(self._rule, emit, element)
            parts.append(b',"event_id":"%b"' % event_id.encode())
        parts.append(b"}")
        body = b"".join(parts)
        if len(body) > self._max_bytes:
            problem = f"the payload has {len(body)} bytes, limits.payload is {self._max_bytes}"
            raise Unfit(Reason.TOO_LARGE, problem, emit)
        events.append(
            Event(
                self._rule,
                event_type,
                emit,
                element,
                self._destination,
                user_id,
                anonymous_id,
                event_id,
                body,
                time_ms,
                turn.scope.identity,
            )
        )
