"""The variable ``meta``: what the broker said about a record. A field that it did not say is not there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any

from bridge.model import Record, Stream
from bridge.rules.cel import tree
from bridge.rules.times import at_milliseconds


def meta_of(record: Record, fields: frozenset[str] | None = None) -> dict[str, Any]:
    """``meta`` of a record; of headers of one name the last counts, bytes that are no text stay bytes.

    Args:
        record: as the broker gave it.
        fields: those that are asked for; by default all.
    """
    constant, others = _split(record.stream, record.queue, ALL if fields is None else fields)
    meta = constant.copy()
    for field, read in others:
        value = read(record)
        if value is not None:
            meta[field] = value
    return meta


@lru_cache(maxsize=4096)
def _split(
    stream: Stream, queue: bool, fields: frozenset[str]
) -> tuple[dict[str, Any], list[tuple[str, Callable[[Record], Any]]]]:
    """What all records of a stream have in common, and how to read the rest."""
    place = {"queue": stream.name} if queue else {"topic": stream.name, "partition": stream.number}
    known: dict[str, Any] = {"source": stream.source, **place}
    constant = {field: value for field, value in known.items() if field in fields}
    return constant, [(field, read) for field, read in _READERS.items() if field in fields]


def fields_read(trees: Iterable[tree.Node]) -> frozenset[str] | None:
    """The fields of ``meta`` that expressions ask for by name; None where one takes it as a whole."""
    fields: set[str] = set()
    named = asked = 0
    for node in (part for root in trees for part in tree.walk(root)):
        match node:
            case tree.Name(name="meta"):
                named += 1
            case (
                tree.Select(operand=tree.Name(name="meta"), field=field)
                | tree.Has(operand=tree.Name(name="meta"), field=field)
                | tree.Index(operand=tree.Name(name="meta"), key=tree.Literal(value=str(field)))
            ):
                fields.add(field)
                asked += 1
    return frozenset(fields & ALL) if named == asked else None


def _offset(record: Record) -> int | None:
    return None if record.queue else record.offset


def _key(record: Record) -> str | bytes | None:
    return _text(record.key)


def _headers(record: Record) -> dict[str, Any]:
    return {name: _text(value) for name, value in record.headers}


def _timestamp(record: Record) -> datetime | None:
    return None if record.timestamp_ms is None else at_milliseconds(record.timestamp_ms)


def _text(value: bytes | None) -> str | bytes | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return value


_READERS: dict[str, Callable[[Record], Any]] = {
    "offset": _offset,
    "key": _key,
    "headers": _headers,
    "timestamp": _timestamp,
    "routing_key": lambda record: record.routing_key,
    "message_id": lambda record: record.message_id,
}
FIELDS = ("source", "topic", "queue", "partition", *_READERS)
ALL = frozenset(FIELDS)
