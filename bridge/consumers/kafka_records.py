"""Messages of the client → records. Pure but for what it asks of the messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bridge.consumers.kafka_client import Message
from bridge.model import Headers, Record, Stream

UNREADABLE_HEADERS = "bridge-headers-unreadable"
"""Stands in for the headers of a message one of whose header names is not UTF-8."""

_TIMESTAMP_NOT_AVAILABLE = 0


def records_of(
    messages: Sequence[Message], routes: Mapping[tuple[str, int], tuple[Stream, int]]
) -> list[Record]:
    """The records of these messages, those of partitions that are not ours any more left out.

    Args:
        messages: in the order read.
        routes: (topic, partition) → stream and epoch, of what is ours.
    """
    records = []
    for message in messages:
        route = routes.get((message.topic() or "", message.partition() or 0))
        if route is not None:
            records.append(record_of(message, route[0], route[1]))
    return records


def record_of(message: Message, stream: Stream, epoch: int) -> Record:
    """What is handed over for a message."""
    # By position, which takes half the time of names.
    return Record(
        stream,
        message.offset() or 0,
        epoch,
        message.value(),
        message.key(),
        _headers(message),
        _timestamp_ms_of(message),
        message.leader_epoch(),
    )


def _headers(message: Message) -> Headers:
    """A header name that is not UTF-8 cannot be had from the client; one record must not stop them all."""
    try:
        headers = message.headers()
        return tuple(headers) if headers else ()
    except UnicodeDecodeError:
        return ((UNREADABLE_HEADERS, b"true"),)


def _timestamp_ms_of(message: Message) -> int | None:
    kind, time_ms = message.timestamp()
    return None if kind == _TIMESTAMP_NOT_AVAILABLE else time_ms
