"""Delivery → Record, and header values between AMQP's types and bytes. Pure but for the nonce drawn."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from bridge.consumers.rabbitmq_frames import Delivery
from bridge.model import Headers, Record, Stream

DELIVERY_COUNT = "x-delivery-count"
_MOST_SECONDS = (2**63 - 1) // 1000


def record_of(delivery: Delivery, stream: Stream, epoch: int, draw_nonce: Callable[[], str]) -> Record:
    """The record of one delivery; a nonce is drawn only where the message has no ``message_id``."""
    return Record(
        stream=stream,
        offset=delivery.tag,
        epoch=epoch,
        value=delivery.body,
        headers=tuple((name, header_bytes(value)) for name, value in delivery.headers.items()),
        timestamp_ms=_milliseconds(delivery.timestamp_seconds),
        queue=True,
        routing_key=delivery.routing_key,
        message_id=delivery.message_id,
        content_type=delivery.content_type,
        content_encoding=delivery.content_encoding,
        redelivered=delivery.redelivered,
        nonce="" if delivery.message_id else draw_nonce(),
    )


def _milliseconds(seconds: int | None) -> int | None:
    """None also for a time that 64 bits of milliseconds have no place for, and so no store of letters."""
    return None if seconds is None or seconds > _MOST_SECONDS else int(seconds) * 1000


def header_bytes(value: Any) -> bytes | None:
    """An AMQP table value as the text a rule sees.

    Text and bytes stay as they are, void is None, a boolean is ``true`` or ``false``, a timestamp ISO
    8601 UTC; lists and tables (such as ``x-death``) are compact JSON.
    """
    if value is None or isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_plain).encode()
    return _plain(value).encode()


def deliveries_of(record: Record) -> int:
    """How often it was given back before, where its queue counts that (quorum queues); else 0."""
    if not record.redelivered:
        return 0
    counts = [value for name, value in record.headers if name == DELIVERY_COUNT and value is not None]
    return int(counts[0]) if counts and counts[0].isdigit() else 0


def header_table(headers: Headers) -> Mapping[str, Any]:
    """Headers as an AMQP table: UTF-8 as long strings, other bytes as bytes.

    A table holds a name once: the values of a repeated one become a list, in their order.
    """
    values: dict[str, list[str | bytes | None]] = {}
    for name, value in headers:
        values.setdefault(name, []).append(_text_or_bytes(value))
    return {name: found[0] if len(found) == 1 else found for name, found in values.items()}


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return str(value)


def _text_or_bytes(value: bytes | None) -> str | bytes | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return value
