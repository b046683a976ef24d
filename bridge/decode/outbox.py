"""Records of Debezium's outbox event router: their identity, and their payload encoded twice.

Only a UUID in the header ``id`` is believed: other producers put a customer's number there, and events of
one identity would share one ``event_id``. The router takes the payload from a text column; Kafka Connect's
JSON converter writes it as a JSON string, with ``schemas.enable`` in a schema wrapper, unless the router
has ``table.expand.json.payload``. Source: Debezium documentation, "Outbox Event Router".
"""

from __future__ import annotations

import re
from typing import Any

from bridge.decode.connect import unwrap_schema
from bridge.decode.json_body import Undecodable, parse_json
from bridge.model import Record

# Plain text, or JSON text as the JsonConverter writes headers.
_UUID = re.compile(rb'"?([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"?', re.IGNORECASE)


def outbox_identity(record: Record) -> str | None:
    """``outbox:TOPIC:UUID``, or None where the record has no such header."""
    for name, value in record.headers:
        if name == "id" and value is not None and (match := _UUID.fullmatch(value)):
            return f"outbox:{record.stream.name}:{match[1].decode().lower()}"
    return None


def payload(value: Any, max_depth: int) -> Any:
    """An outbox record's payload: the wrapper off, and text that is a JSON object or array decoded."""
    value, _ = unwrap_schema(value)
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return value
    try:
        return parse_json(value.encode("utf-8", "surrogatepass"), max_depth)
    except Undecodable:
        return value
