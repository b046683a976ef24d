"""``decode`` and what it gives: a document that takes its envelopes off on demand."""

from __future__ import annotations

from typing import Any, overload

from bridge.config import Decode, Limits
from bridge.decode import cloudevents, debezium, outbox
from bridge.decode.compression import FIRST_BYTES, TooLarge, doubt, open_body
from bridge.decode.json_body import Undecodable, parse_json, parse_text
from bridge.decode.schema import schema_kind
from bridge.decode.schemas import Schemas, Waiting
from bridge.model import Filtered, Poison, Reason, Record, Scope

Unwrapped = Scope | Poison | Filtered


_BARE = ("auto", "none")
"""Envelopes that a record has only where its headers or its content type say so."""


class Document:
    """A decoded body with its record. Made and used by one thread.

    Args:
        record: its headers and content type tell envelopes.
        value: the body, decoded.
        limits: ``json_depth`` bounds JSON inside an envelope.
        text: the source says that its bodies are text, so text is what they stay.
    """

    __slots__ = ("_limits", "_text", "_unwrapped", "record", "value")

    def __init__(self, record: Record, value: Any, limits: Limits, *, text: bool = False) -> None:
        self.record = record
        self.value = value
        self._limits = limits
        self._text = text
        self._unwrapped: dict[str, Unwrapped] | None = None

    def unwrap(self, envelope: str) -> Unwrapped:
        """What a rule with this envelope sees: ``auto``, ``none``, ``cloudevents`` or ``debezium``."""
        record = self.record
        if envelope in _BARE and not record.headers and record.content_type is None:
            return Scope(self.value)
        if self._unwrapped is None:
            self._unwrapped = {}
        found = self._unwrapped.get(envelope)
        if found is None:
            found = self._unwrapped[envelope] = self._unwrap(envelope)
        return found

    def _unwrap(self, envelope: str) -> Unwrapped:
        record, value, depth = self.record, self.value, self._limits.json_depth
        try:
            if envelope == "debezium":
                return debezium.unwrap(record, value, depth)
            if envelope == "cloudevents" or (envelope == "auto" and cloudevents.recognised(record)):
                return cloudevents.unwrap(record, value, depth)
        except Undecodable as error:
            return Poison(Reason.UNDECODABLE, f"envelope {envelope}: {error}")
        identity = outbox.outbox_identity(record) if record.headers else None
        if envelope == "auto" and identity is not None and not self._text:
            value = outbox.payload(value, depth)
            if value is None:
                return Filtered("tombstone")
        return Scope(value, identity=identity)


@overload
def decode(record: Record, kind: Decode, limits: Limits) -> Document | Poison | Filtered: ...


@overload
def decode(
    record: Record, kind: Decode, limits: Limits, schemas: Schemas | None
) -> Document | Poison | Filtered | Waiting: ...


def decode(
    record: Record, kind: Decode, limits: Limits, schemas: Schemas | None = None
) -> Document | Poison | Filtered | Waiting:
    """Read a record's body.

    Args:
        record: as the broker gave it.
        kind: what the source says its bodies are.
        limits: ``record`` (bytes) and ``json_depth`` are used.
        schemas: for ``avro``, ``protobuf`` and ``json_schema``.

    Returns:
        The document; ``Filtered("tombstone")`` for a null body; ``Poison`` for an empty, too large (also
        once decompressed) or undecodable one; ``Waiting`` while the schema of the body is not known.
    """
    body = record.value
    if body is None:
        return Filtered("tombstone")
    if len(body) > limits.record:
        return Poison(Reason.TOO_LARGE, f"the record has {len(body)} bytes, limits.record is {limits.record}")
    if not body:
        return Poison(Reason.UNDECODABLE, "empty body")
    try:
        plain = record.content_encoding is None and body[0] not in FIRST_BYTES
        opened = body if plain else open_body(record, body, limits.record)
        value = _value(record, opened, kind, limits, schemas)
    except TooLarge as large:
        return Poison(Reason.TOO_LARGE, str(large))
    except Undecodable as error:
        return Poison(Reason.UNDECODABLE, f"{error}{doubt(record, body)}{_looks_framed(kind, body)}")
    return value if value.__class__ is Waiting else Document(record, value, limits, text=kind == "text")


def _looks_framed(kind: Decode, body: bytes) -> str:
    """No JSON begins with a zero byte; what Confluent's serializers write does."""
    if kind != "json" or body[0] != 0:
        return ""
    return "; it begins as bodies with a schema do: `decode: avro`, `protobuf` or `json_schema`?"


def _value(record: Record, body: bytes, kind: Decode, limits: Limits, schemas: Schemas | None) -> Any:
    if kind == "json":
        return parse_json(body, limits.json_depth)
    wanted = schema_kind(kind)
    if wanted is None:
        return parse_text(body)
    if schemas is None:
        raise Undecodable(f"a body of kind {kind} needs the schema registry")
    return schemas.read(wanted, record, body)
