"""The values that flow: record → document → event → outcome. Frozen, without behaviour worth testing.

A value goes forward only; nobody reaches back to change one. ``Stream`` names what has an order of
its own: one partition of a Kafka topic, one RabbitMQ queue, one topic of a file.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

Headers = tuple[tuple[str, bytes | None], ...]


class Stream(NamedTuple):
    """One ordered series of records of a source.

    ``name`` is the topic or the queue, ``number`` the partition (0 where there is none).
    """

    source: str
    name: str
    number: int = 0


class Position(NamedTuple):
    """Where a stream stands, said back to the consumer that reads it.

    ``offset`` means what the consumer's ``settles`` says: for ``Settles.WATERMARK`` the lowest
    unsettled offset (the next to read), for ``Settles.EACH`` the record's own offset (on RabbitMQ
    the delivery tag). ``epoch`` is one assignment of the partition, or one AMQP channel: a consumer
    ignores positions of an older epoch.
    """

    stream: Stream
    offset: int
    epoch: int
    metadata: str = ""


def sizes(value: Any) -> str:
    """A value as ``repr`` may show it: texts, bytes and what holds them by size, for they may be payload.

    What is printed ends in traces, in logs of libraries, in reports of tests.
    """
    if value is None or isinstance(value, bool | int | float | StrEnum | Stream | Quiet):
        return repr(value)
    if isinstance(value, str | bytes | tuple | list | dict):
        return f"<{len(value)} {type(value).__name__}>"
    return f"<{type(value).__name__}>"


class Quiet(msgspec.Struct, frozen=True, gc=False):
    """What holds something of a record, or of an answer to one: its ``repr`` tells sizes."""

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={sizes(getattr(self, name))}" for name in self.__struct_fields__)
        return f"{type(self).__name__}({shown})"


class Record(Quiet, frozen=True, gc=False):
    """One broker message, its bytes untouched.

    ``offset`` grows in the order read within one (stream, epoch); gaps are no holes.
    ``timestamp_ms`` is the broker's time in ms since 1970 UTC, None where it gave none. ``nonce`` is
    drawn at delivery where the broker gives a message no lasting identity (RabbitMQ without
    ``message_id``); else empty. ``leader_epoch`` counts the leaders of a Kafka partition: a record that was
    written in the place of another has a later one.
    """

    stream: Stream
    offset: int
    epoch: int
    value: bytes | None
    key: bytes | None = None
    headers: Headers = ()
    timestamp_ms: int | None = None
    leader_epoch: int | None = None
    queue: bool = False
    routing_key: str | None = None
    message_id: str | None = None
    content_type: str | None = None
    content_encoding: str | None = None
    redelivered: bool = False
    nonce: str = ""

    @property
    def size_bytes(self) -> int:
        """What the record weighs in the buffer: value, key and a flat share for the rest."""
        return len(self.value or b"") + len(self.key or b"") + 256


class Reason(StrEnum):
    """Why a letter is dead: the closed set of ``bridge-reason``."""

    UNDECODABLE = "undecodable"
    RULE_FAULT = "rule_fault"
    NO_IDENTITY = "no_identity"
    INVALID_PAYLOAD = "invalid_payload"
    TOO_LARGE = "too_large"
    REFUSED = "refused"
    RETRIES_EXHAUSTED = "retries_exhausted"
    SKIPPED_BY_OPERATOR = "skipped_by_operator"


class Attempts(NamedTuple):
    """What was spent on an event that is not final; outlives a restart in the commit's metadata.

    ``spent`` draws on the retry budget, ``tries`` counts all answers; ``first_failed_ms`` is the time of
    the first failure in ms since 1970 UTC, None where it is not known.
    """

    spent: int
    tries: int
    first_failed_ms: int | None = None


class OnError(StrEnum):
    """What a rule does with its own faults."""

    DEAD_LETTER = "dead_letter"
    DROP = "drop"
    STOP = "stop"


class Poison(msgspec.Struct, frozen=True):
    """A record that no rule can see: a value of the flow, not an exception."""

    reason: Reason
    error: str


class Filtered(msgspec.Struct, frozen=True):
    """A record that is settled without an event, and why (``tombstone``, ``no_rule``)."""

    why: str


class Scope(Quiet, frozen=True, gc=True):
    """What a rule sees of one record under one envelope.

    ``time`` is the envelope's own time of the event as text (CloudEvents ``time``), ``identity`` its own
    lasting identity (CloudEvents source + id, outbox id); None where the envelope has none.
    """

    event: Any
    before: Any = None
    op: str | None = None
    source: Any = None
    cloudevent: Any = None
    time: str | None = None
    identity: str | None = None


class Event(Quiet, frozen=True, gc=False):
    """One identify or track payload, ready to leave: ``body`` is the request's JSON, UTF-8.

    ``event_id`` is empty where the payload carries none; ``identity`` is its envelope's, to make one from.
    """

    rule: str
    event_type: str
    emit_index: int
    element_index: int
    destination: str
    user_id: str | None
    anonymous_id: str | None
    event_id: str
    body: bytes
    time_ms: int | None = None
    identity: str | None = None

    @property
    def user(self) -> str:
        """Whom the event is about; the lane key under ``ordering: user``."""
        return self.user_id or self.anonymous_id or ""


class Fault(msgspec.Struct, frozen=True):
    """A rule that could not make its events of a record; none of them is sent."""

    rule: str
    on_error: OnError
    reason: Reason
    error: str
    destination: str


class Applied(msgspec.Struct, frozen=True):
    """What all rules of a stream made of one record. Neither events nor faults: filtered."""

    events: tuple[Event, ...] = ()
    faults: tuple[Fault, ...] = ()
    timestamp_fallbacks: int = 0


class Outcome(StrEnum):
    """What became of a record or an event, from the mildest to the worst (see ``worse``)."""

    __hash__ = str.__hash__  # an enumeration's own is Python's, and these are counted by

    FILTERED = "filtered"
    DELIVERED = "delivered"
    DROPPED = "dropped"
    DEAD_LETTERED = "dead_lettered"


_SEVERITY = {outcome: rank for rank, outcome in enumerate(Outcome)}


def worse(one: Outcome, other: Outcome) -> Outcome:
    """The one outcome that a record of several events is counted under."""
    return one if _SEVERITY[one] >= _SEVERITY[other] else other
