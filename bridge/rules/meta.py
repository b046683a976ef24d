"""The variable ``meta``: what the broker said about a record. A field that it did not say is not there."""

from __future__ import annotations

from typing import Any

from bridge.model import Record
from bridge.rules.times import at_milliseconds

FIELDS = (
    "source",
    "topic",
    "queue",
    "partition",
    "offset",
    "key",
    "headers",
    "timestamp",
    "routing_key",
    "message_id",
)


def meta_of(record: Record) -> dict[str, Any]:
    """``meta`` of a record; of headers of one name the last counts, bytes that are no text stay bytes."""
    source, name, number = record.stream
    meta: dict[str, Any] = {"source": source}
    if record.queue:
        meta["queue"] = name
    else:
        meta["topic"] = name
        meta["partition"] = number
        meta["offset"] = record.offset
    meta["headers"] = {name: _text(value) for name, value in record.headers} if record.headers else {}
    if record.key is not None:
        meta["key"] = _text(record.key)
    moment = at_milliseconds(record.timestamp_ms) if record.timestamp_ms is not None else None
    if moment is not None:
        meta["timestamp"] = moment
    if record.routing_key is not None:
        meta["routing_key"] = record.routing_key
    if record.message_id is not None:
        meta["message_id"] = record.message_id
    return meta


def _text(value: bytes | None) -> str | bytes | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return value
