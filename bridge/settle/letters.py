"""What a dead letter holds: the original bytes, and why they are here, in headers. Pure."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import msgspec

from bridge.model import Event, Headers, Quiet, Reason, Record

OURS = frozenset(
    f"bridge-{name}"
    for name in (
        *(
            "reason",
            "error",
            "status",
            "rule",
            "rules-hash",
            "attempts",
            "first-failed-at",
            "source",
            "topic",
        ),
        *("partition", "offset", "queue", "routing-key", "message-id", "nonce", "timestamp", "destination"),
        *("event-id", "event-index", "redrives", "body", "body-size", "body-sha256", "key"),
        *("content-type", "content-encoding"),
    )
)
"""Headers that a letter has and its record had not."""
_ERROR_CHARS = 1024
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Letter(Quiet, frozen=True, gc=True):
    """One dead letter: ``value``, ``key`` and the original headers untouched, ``bridge-…`` added."""

    record: Record
    reason: Reason
    headers: Headers


class Cause(Quiet, frozen=True, gc=True):
    """Why a record or one of its events cannot go on.

    ``error`` is one line without payload; ``first_failed_ms`` is ms since 1970. ``redrives`` counts how often
    the record was redriven; ``event_index`` names the one event that a redriven letter stood for, where what
    failed now is the whole record.
    """

    reason: Reason
    error: str
    rule: str | None = None
    destination: str | None = None
    event: Event | None = None
    status: int | None = None
    attempts: int | None = None
    first_failed_ms: int | None = None
    event_id: str = ""
    redrives: int = 0
    event_index: str = ""


def write_letter(record: Record, cause: Cause, rules_hash: str) -> Letter:
    """The letter of a record; headers as design §7, those without a value left out."""
    return Letter(record, cause.reason, record.headers + _headers(record, cause, rules_hash))


def refer(letter: Letter, *, with_headers: bool = True) -> Letter:
    """The letter without its body, which stays where it was read: size and SHA-256 name it.

    For stores that refuse the whole as too large; only where the source keeps its records (Kafka).

    Args:
        letter: the whole.
        with_headers: the record's own stay too; a header of Kafka's may be one that AMQP cannot carry.
    """
    body = letter.record.value or b""
    named = (
        ("bridge-body", b"reference"),
        ("bridge-body-size", str(len(body)).encode()),
        ("bridge-body-sha256", hashlib.sha256(body).hexdigest().encode()),
    )
    own = letter.record.headers if with_headers else ()
    record = msgspec.structs.replace(letter.record, value=None, headers=own)
    return Letter(record, letter.reason, own + letter.headers[len(letter.record.headers) :] + named)


def headers_for_kafka(letter: Letter) -> Headers:
    """The letter's headers, and what AMQP keeps in properties: Kafka has no place for those.

    Without them a compressed body or a CloudEvent could not be read again. Names: CloudEvents' Kafka
    binding §3.2.1 (``content-type``), RFC 9110 (``content-encoding``); where the record has a header of that
    name, one of ours.
    """
    properties = {
        "content-type": letter.record.content_type,
        "content-encoding": letter.record.content_encoding,
    }
    there = {name.lower() for name, _ in letter.headers}
    return letter.headers + tuple(
        (f"bridge-{name}" if name in there else name, value.encode())
        for name, value in properties.items()
        if value
    )


def headers_for_rabbitmq(letter: Letter) -> Headers:
    """The letter's headers, and the key, for which AMQP has no place.

    A table holds a name once, so what the record had under names of ours is left out: nobody could tell whose
    is whose, and ``read_letter`` believes none of it.
    """
    count = len(letter.record.headers)
    own = tuple(pair for pair in letter.record.headers if pair[0] not in OURS)
    key = () if letter.record.key is None else (("bridge-key", letter.record.key),)
    return own + letter.headers[count:] + key


def _headers(record: Record, cause: Cause, rules_hash: str) -> Headers:
    stream, event = record.stream, cause.event
    pairs: dict[str, object] = {
        "reason": cause.reason.value,
        "error": cause.error[:_ERROR_CHARS],
        "status": cause.status,
        "rule": cause.rule,
        "rules-hash": rules_hash,
        "attempts": cause.attempts,
        "first-failed-at": _iso(cause.first_failed_ms),
        "source": stream.source,
        "topic": None if record.queue else stream.name,
        "partition": None if record.queue else stream.number,
        "offset": None if record.queue else record.offset,
        "queue": stream.name if record.queue else None,
        "routing-key": record.routing_key,
        "message-id": record.message_id,
        "nonce": record.nonce or None,
        "timestamp": _iso(record.timestamp_ms),
        "destination": cause.destination,
        "event-id": cause.event_id or None,
        "event-index": f"{event.emit_index}.{event.element_index}" if event else cause.event_index or None,
        "redrives": cause.redrives or None,
    }
    return tuple((f"bridge-{name}", str(v).encode()) for name, v in pairs.items() if v is not None)


def _iso(time_ms: int | None) -> str | None:
    """To the millisecond, for the time is part of a record's identity; one that no calendar has as it is."""
    if time_ms is None:
        return None
    try:
        moment = _EPOCH + timedelta(milliseconds=time_ms)
    except OverflowError:
        return str(time_ms)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
