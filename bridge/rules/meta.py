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
        meta |= {"topic": name, "partition": number, "offset": record.offset}
    meta["headers"] = {name: _text(value) for name, value in record.headers}
    moment = at_milliseconds(record.timestamp_ms) if record.timestamp_ms is not None else None
    optional = {
        "key": _text(record.key),
        "timestamp": moment,
        "routing_key": record.routing_key,
        "message_id": record.message_id,
    }
    return meta | {field: value for field, value in optional.items() if value is not None}


def _text(value: bytes | None) -> str | bytes | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return value
