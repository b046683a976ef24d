"""The ``event_id``: a UUIDv5 that is the same on every re-send and on redrive. Pure.

Hashed is the record's identity, then rule, emit and element. Only the identity may hold any character, and
it comes first, so two different events never hash the same text.
"""

from __future__ import annotations

import hashlib
from uuid import UUID

from bridge.model import Event, Record

NAMESPACE = UUID("6f0c0a3e-54b1-5c58-9b7e-2d1f3c1f8a60")
_HASHED_NAMESPACE = hashlib.sha1(NAMESPACE.bytes, usedforsecurity=False)
# The first two bits of this digit say the variant of RFC 4122, the other two are the hash's.
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


def record_identity(record: Record, identity: str | None) -> str:
    """What lasts of a record: of its envelope, else its AMQP id, else its position, else its nonce."""
    if identity is not None:
        return identity
    if record.queue:
        if record.message_id:
            return f"amqp:{len(record.stream.name)}:{record.stream.name}{record.message_id}"
        if record.nonce:
            return f"nonce:{record.nonce}"
    source, name, number = record.stream
    return f"position:{source}:{name}:{number}:{record.offset}:{record.timestamp_ms}"


class EventIds:
    """Gives the ids of one record's events; what they share is hashed once."""

    __slots__ = ("_base",)

    def __init__(self, identity: str) -> None:
        self._base = _HASHED_NAMESPACE.copy()
        self._base.update(identity.encode("utf-8", "surrogatepass"))

    def event_id(self, rule: str, emit: int, element: int) -> str:
        """The id of one event, as text.

        Args:
            rule: the rule's name.
            emit: index in the rule's ``emit``.
            element: index in the list of ``for_each``; 0 without one.
        """
        state = self._base.copy()
        state.update(f"\n{rule}\n{emit}\n{element}".encode())
        text = state.hexdigest()
        return f"{text[:8]}-{text[8:12]}-5{text[13:16]}-{_VARIANT[text[16]]}{text[17:20]}-{text[20:32]}"


def event_id_of(record: Record, event: Event) -> str:
    """The id of an event, also of one whose payload carries none."""
    if event.event_id:
        return event.event_id
    ids = EventIds(record_identity(record, event.identity))
    return ids.event_id(event.rule, event.emit_index, event.element_index)
