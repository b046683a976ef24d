"""Bytes ↔ a record with headers, so that a corpus file shows what it is and a mutation changes its sense.

Lines ``name: value`` up to a blank one, then the body as it is. ``@key``, ``@content_type`` and so on are
the record's own fields, ``@null`` makes a tombstone; all else is a header, ``name`` alone a header of null.
A value may be ``base64=…``.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from contextlib import suppress

from bridge.model import Headers, Record, Stream

_TEXTS = {b"@content_type", b"@content_encoding", b"@routing_key", b"@message_id", b"@topic", b"@queue"}
_NUMBERS = {b"@timestamp_ms", b"@offset", b"@partition"}


def record_of(data: bytes) -> Record:
    """The record that some bytes mean; any bytes mean one."""
    head, _, body = data.partition(b"\n\n")
    texts: dict[str, str] = {}
    numbers: dict[str, int] = {}
    raw: dict[str, bytes | None] = {"value": body, "key": None}
    headers: list[tuple[str, bytes | None]] = []
    for line in head.split(b"\n") if b"\n\n" in data else ():
        name, colon, text = line.partition(b": ")
        value = _value(text) if colon else None
        if name in _TEXTS:
            texts[name[1:].decode()] = (value or b"").decode(errors="backslashreplace")
        elif name in _NUMBERS:
            with suppress(ValueError):
                numbers[name[1:].decode()] = max(-(2**63), min(2**63 - 1, int(text)))
        elif name == b"@key":
            raw["key"] = value
        elif name == b"@null":
            raw["value"] = None
        else:
            headers.append((name.decode(errors="backslashreplace"), value))
    return _record(texts, numbers, raw, tuple(headers))


def _record(
    texts: dict[str, str], numbers: dict[str, int], raw: dict[str, bytes | None], headers: Headers
) -> Record:
    queue = "queue" in texts
    name = texts.get("queue", texts.get("topic", "t"))
    return Record(
        Stream("s", name, 0 if queue else numbers.get("partition", 0)),
        numbers.get("offset", 0),
        0,
        raw["value"],
        key=raw["key"],
        headers=headers,
        timestamp_ms=numbers.get("timestamp_ms"),
        queue=queue,
        routing_key=texts.get("routing_key") if queue else None,
        message_id=texts.get("message_id") if queue else None,
        content_type=(texts.get("content_type") or None) if queue else None,
        content_encoding=(texts.get("content_encoding") or None) if queue else None,
        nonce="" if texts.get("message_id") or not queue else "n-1",
    )


def _value(text: bytes) -> bytes:
    if text.startswith(b"base64="):
        with suppress(binascii.Error, ValueError):
            return b64decode(text[7:], validate=True)
    return text
