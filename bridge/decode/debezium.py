"""Debezium change events: plain, in Kafka Connect's schema wrapper, or as the data of a CloudEvent.

What the same connectors write beside rows is filtered with its reason: heartbeats, transaction
boundaries, schema changes, truncated tables. Sources: Debezium "Change event values", "Topic names",
"Transaction metadata", "Schema change topic"; class ``io.debezium.connector.common.Heartbeat``; "Exporting
CloudEvents" (structured only; ``op`` is the attribute ``iodebeziumop``).
"""

from __future__ import annotations

from typing import Any

from bridge.decode import cloudevents
from bridge.decode.connect import unwrap_schema, with_decimals
from bridge.decode.json_body import Undecodable
from bridge.model import Filtered, Record, Scope

_HEARTBEAT_TOPIC = "__debezium-heartbeat"


def unwrap(record: Record, value: Any, max_depth: int) -> Scope | Filtered:
    """The row of a change event: ``after``, on a delete ``before``; of ``op: m`` the message.

    Args:
        record: its topic tells heartbeats, its headers CloudEvents.
        value: the decoded body.
        max_depth: bound of JSON inside a CloudEvent.

    Raises:
        Undecodable: no change event, or a Decimal that contradicts its schema.
    """
    outer = _cloudevent(record, value, max_depth)
    payload, schema = unwrap_schema(value if outer is None else outer.event)
    if payload is None:
        return Filtered("tombstone")
    if not isinstance(payload, dict):
        raise Undecodable("no change event: `op` is missing")
    op = payload.get("op")
    if op is None and outer is not None:
        op = outer.cloudevent.get(cloudevents.DEBEZIUM_OP)
    if op is None and (why := _beside_rows(record, payload)):
        return Filtered(why)
    if op == "t":
        return Filtered("truncate")
    if not isinstance(op, str) or not op:
        raise Undecodable("no change event: `op` is missing")
    scope = _change(with_decimals(payload, schema), op)
    if outer is None:
        return scope
    return Scope(scope.event, scope.before, op, scope.source, outer.cloudevent, outer.time)


def _change(payload: dict[str, Any], op: str) -> Scope:
    before, after = payload.get("before"), payload.get("after")
    if after is None and op in ("c", "r", "u"):
        raise Undecodable(f"no change event: `op` is {op} and `after` is missing")
    event = {"d": before, "m": payload.get("message")}.get(op, after)
    return Scope(event, before=before, op=op, source=payload.get("source"))


def _cloudevent(record: Record, value: Any, max_depth: int) -> Scope | None:
    if cloudevents.recognised(record) or (_has(value, "specversion", "data") and "op" not in value):
        return cloudevents.unwrap(record, value, max_depth)
    return None


def _beside_rows(record: Record, payload: dict[str, Any]) -> str:
    """What else a connector writes; told by its shape, because the topics' names can be changed."""
    if payload.keys() == {"ts_ms"} or record.stream.name.startswith(_HEARTBEAT_TOPIC):
        return "heartbeat"
    if payload.get("status") in ("BEGIN", "END") and _has(payload, "id", "data_collections"):
        return "transaction"
    return "schema_change" if _has(payload, "ddl", "tableChanges") else ""


def _has(value: Any, *names: str) -> bool:
    return isinstance(value, dict) and all(name in value for name in names)
