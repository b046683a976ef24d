"""``decode`` and what it gives: a document that takes its envelopes off on demand."""

from __future__ import annotations

from typing import Any, Literal

from bridge.config import Limits
from bridge.decode import cloudevents, debezium, outbox
from bridge.decode.compression import TooLarge, doubt, open_body
from bridge.decode.json_body import Undecodable, parse_json, parse_text
from bridge.model import Filtered, Poison, Reason, Record, Scope

Unwrapped = Scope | Poison | Filtered


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
        self._unwrapped: dict[str, Unwrapped] = {}

    def unwrap(self, envelope: str) -> Unwrapped:
        """What a rule with this envelope sees: ``auto``, ``none``, ``cloudevents`` or ``debezium``."""
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


def decode(record: Record, kind: Literal["json", "text"], limits: Limits) -> Document | Poison | Filtered:
    """Read a record's body.

    Args:
        record: as the broker gave it.
        kind: what the source says its bodies are.
        limits: ``record`` (bytes) and ``json_depth`` are used.

    Returns:
        The document; ``Filtered("tombstone")`` for a null body; ``Poison`` for an empty, too large (also
        once decompressed) or undecodable one.
    """
    body = record.value
    if body is None:
        return Filtered("tombstone")
    if len(body) > limits.record:
        return Poison(Reason.TOO_LARGE, f"the record has {len(body)} bytes, limits.record is {limits.record}")
    if not body:
        return Poison(Reason.UNDECODABLE, "empty body")
    try:
        opened = open_body(record, body, limits.record)
        value = parse_json(opened, limits.json_depth) if kind == "json" else parse_text(opened)
    except TooLarge as error:
        return Poison(Reason.TOO_LARGE, str(error))
    except Undecodable as error:
        return Poison(Reason.UNDECODABLE, f"{error}{doubt(record, body)}")
    return Document(record, value, limits, text=kind == "text")
