"""The identity that Debezium's outbox event router gives a record: its header ``id``.

Only a UUID is believed: other producers put a customer's number there, and events of one identity
would share one ``event_id``. Source: Debezium documentation, "Outbox Event Router", header ``id``.
"""

from __future__ import annotations

import re

from bridge.model import Record

# Plain text, or JSON text as the JsonConverter writes headers.
_UUID = re.compile(rb'"?([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"?', re.IGNORECASE)


def outbox_identity(record: Record) -> str | None:
    """``outbox:TOPIC:UUID``, or None where the record has no such header."""
    for name, value in record.headers:
        if name == "id" and value is not None and (match := _UUID.fullmatch(value)):
            return f"outbox:{record.stream.name}:{match[1].decode().lower()}"
    return None
