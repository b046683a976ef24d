"""``decode`` and what it gives: a document that takes its envelopes off on demand."""

from __future__ import annotations

from typing import Any, Literal

from bridge.config import Limits
from bridge.decode import cloudevents, debezium
from bridge.decode.json_body import Undecodable, parse_json, parse_text
from bridge.decode.outbox import outbox_identity
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


def decode(record: Record, kind: Literal["json", "text"], limits: Limits) -> Document | Poison | Filtered:
    """Read a record's body.

    Args:
        record: as the broker gave it.
        kind: what the source says its bodies are.
        limits: ``record`` (bytes) and ``json_depth`` are used.

    Returns:
        The document; ``Filtered("tombstone")`` for a null body; ``Poison`` for an empty, too large or
        undecodable one.
    """
    body = record.value
    if body is None:
        return Filtered("tombstone")
    if len(body) > limits.record:
        return Poison(Reason.TOO_LARGE, f"the record has {len(body)} bytes, limits.record is {limits.record}")
    if not body:
        return Poison(Reason.UNDECODABLE, "empty body")
    try:
        value = parse_json(body, limits.json_depth) if kind == "json" else parse_text(body)
    except Undecodable as error:
        return Poison(Reason.UNDECODABLE, f"{error}{_encoding_hint(record)}")
    return Document(record, value, limits)


def decode_json(record: Record, limits: Limits) -> Document | Poison | Filtered:
    """``decode`` of a JSON body: what the tests of rules are run with."""
    return decode(record, "json", limits)


def _encoding_hint(record: Record) -> str:
    encoding = (record.content_encoding or "").lower()
    if encoding in ("", "utf-8", "utf8", "identity"):
        return ""
    return "; the record has a content encoding, and none is supported"
