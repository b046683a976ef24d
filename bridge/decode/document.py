"""``decode`` and what it gives: a document that takes its envelopes off on demand."""

from __future__ import annotations

from typing import Any, overload

from bridge.config import Decode, Limits
from bridge.decode import cloudevents, debezium
from bridge.decode.json_body import Undecodable, parse_json, parse_text
from bridge.decode.outbox import outbox_identity
from bridge.decode.schema import schema_kind
from bridge.decode.schemas import Schemas, Waiting
from bridge.model import Filtered, Poison, Reason, Record, Scope

Unwrapped = Scope | Poison | Filtered


class Document:
    """A decoded body with its record. Made and used by one thread."""

    __slots__ = ("_limits", "_unwrapped", "record", "value")

    def __init__(self, record: Record, value: Any, limits: Limits) -> None:
        self.record = record
        self.value = value
        self._limits = limits
        self._unwrapped: dict[str, Unwrapped] = {}

    def unwrap(self, envelope: str) -> Unwrapped:
        """What a rule with this envelope sees: ``auto``, ``none``, ``cloudevents`` or ``debezium``."""
        found = self._unwrapped.get(envelope)
        if found is None:
            found = self._unwrapped[envelope] = self._unwrap(envelope)
        return found

    def _unwrap(self, envelope: str) -> Unwrapped:
        try:
            if envelope == "debezium":
                return debezium.unwrap(self.value)
            if envelope == "cloudevents":
                return cloudevents.unwrap(self.record, self.value, self._limits.json_depth)
            if envelope == "auto" and cloudevents.recognised(self.record):
                return cloudevents.unwrap(self.record, self.value, self._limits.json_depth)
        except Undecodable as error:
            return Poison(Reason.UNDECODABLE, f"envelope {envelope}: {error}")
        return Scope(self.value, identity=outbox_identity(self.record) if self.record.headers else None)


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
        The document; ``Filtered("tombstone")`` for a null body; ``Poison`` for an empty, too large or
        undecodable one; ``Waiting`` while the schema of the body is not known.
    """
    body = record.value
    if body is None:
        return Filtered("tombstone")
    if len(body) > limits.record:
        return Poison(Reason.TOO_LARGE, f"the record has {len(body)} bytes, limits.record is {limits.record}")
    if not body:
        return Poison(Reason.UNDECODABLE, "empty body")
    try:
        value = _value(record, body, kind, limits, schemas)
    except Undecodable as error:
        return Poison(Reason.UNDECODABLE, f"{error}{_encoding_hint(record)}")
    return value if value.__class__ is Waiting else Document(record, value, limits)


def decode_json(record: Record, limits: Limits) -> Document | Poison | Filtered:
    """``decode`` of a JSON body: what the tests of rules are run with."""
    return decode(record, "json", limits)


def _value(record: Record, body: bytes, kind: Decode, limits: Limits, schemas: Schemas | None) -> Any:
    if kind == "json":
        return parse_json(body, limits.json_depth)
    wanted = schema_kind(kind)
    if wanted is None:
        return parse_text(body)
    if schemas is None:
        raise Undecodable(f"a body of kind {kind} needs the schema registry")
    return schemas.read(wanted, record, body)


def _encoding_hint(record: Record) -> str:
    encoding = (record.content_encoding or "").lower()
    if encoding in ("", "utf-8", "utf8", "identity"):
        return ""
    return "; the record has a content encoding, and none is supported"
