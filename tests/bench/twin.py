"""What somebody would write by hand instead of the rules beside this file: the measure of their cost."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from bridge.model import Record

_encode = msgspec.json.Encoder().encode
_NAMESPACE = UUID("6f0c0a3e-54b1-5c58-9b7e-2d1f3c1f8a60").bytes
_STATUSES = frozenset({"COMPLETED", "PAID"})
_REGION = {"VND": "domestic", "THB": "sea", "USD": "export"}
_GOLD = 500_000


def completed(record: Record, event: Any, key: bytes, *, with_event_id: bool = True) -> list[bytes]:
    """The payloads of ``completed.yaml``."""
    order = event["order"]
    if event["type"] != "order.completed" or order["status"] not in _STATUSES:
        return []
    customer = event["customer"]
    items = order.get("items", [])
    subtotal = sum([item["qty"] * item["unit_price"] for item in items])
    email = customer.get("email", "").strip().lower()
    phone = customer["phone"]
    context = {"topic": record.stream.name}
    if event.get("trace_id") is not None:
        context["trace_id"] = event["trace_id"]
    params: list[Any] = [
        _string("order_ref", f"order-{order['number']}"),
        _double("total", float(subtotal - order.get("discount", 0))),
        _int("item_count", sum([item["qty"] for item in items])),
        _string("item_names", ", ".join([item["name"] for item in items])),
        _string("channel", order.get("channel") or "web"),
        _string("tier", "gold" if subtotal > _GOLD else "standard"),
        _string("region", _REGION.get(order["currency"], "other")),
        _string("phone_masked", "*" * (len(phone) - 3) + phone[-3:]),
    ]
    if email:
        params.append(_string("email_hash", hmac.new(key, email.encode(), hashlib.sha256).hexdigest()))
    params.append({"key": "placed_at", "value": {"datetime_value": time(event["created_ms"])}})
    payload = {
        "event_type": "track",
        "event_name": "Order Completed",
        "user_id": str(customer["id"]),
        "timestamp": event["occurred_at"],
        "context": context,
        "event_params": params,
    }
    if with_event_id:
        payload["event_id"] = _event_id(record, "order-completed", 0)
    return [_encode(payload)]


def fan_out(record: Record, event: Any, *, with_event_id: bool = True) -> list[bytes]:
    """The payloads of ``fan_out.yaml``."""
    order = event["order"]
    if event["type"] != "order.completed" or order["status"] not in _STATUSES:
        return []
    items = order.get("items", [])
    user_id, timestamp = str(event["customer"]["id"]), event["occurred_at"]
    subtotal = sum([item["qty"] * item["unit_price"] for item in items])
    bodies = []
    for index, item in enumerate(items):
        line_total = float(item["qty"] * item["unit_price"])
        payload = {
            "event_type": "track",
            "event_name": "Order Item Purchased",
            "user_id": user_id,
            "timestamp": timestamp,
            "event_params": [
                _string("sku", item["sku"]),
                _int("line", index + 1),
                _double("line_total", line_total),
                _double("share", line_total / subtotal if subtotal else 0.0),
            ],
        }
        if with_event_id:
            payload["event_id"] = _event_id(record, "order-lines", index)
        bodies.append(_encode(payload))
    return bodies


def _string(key: str, value: str) -> dict[str, Any]:
    return {"key": key, "value": {"string_value": value}}


def _int(key: str, value: int) -> dict[str, Any]:
    return {"key": key, "value": {"int_value": value}}


def _double(key: str, value: float) -> dict[str, Any]:
    return {"key": key, "value": {"double_value": value}}


def time(milliseconds: int) -> str:
    """ISO text in UTC."""
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _event_id(record: Record, rule: str, element: int) -> str:
    source, name, number = record.stream
    name = f"position:{source}:{name}:{number}:{record.offset}:{record.timestamp_ms}\n{rule}\n0\n{element}"
    return str(UUID(bytes=hashlib.sha1(_NAMESPACE + name.encode()).digest()[:16], version=5))  # noqa: S324 -- what a UUIDv5 is
