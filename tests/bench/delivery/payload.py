"""What every contestant must post for an order; asked of the first bodies of each run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from tests.bench.delivery.orders import orders

_EXTRA = {"event_id"}
_PLACES = {"topic": str, "partition": int, "offset": int, "queue": str}


def expected(document: Mapping[str, Any]) -> dict[str, Any]:
    """The event of an order, without its context."""
    params = [
        ("order_id", "string_value", document["order_id"]),
        ("total", "double_value", document["total"]),
        ("item_count", "int_value", len(document["items"])),
        ("seq", "int_value", document["seq"]),
        ("location", "string_value", document["location"]),
        ("note", "string_value", document["note"]),
        ("created_at", "datetime_value", document["created_at"]),
    ]
    return {
        "event_type": "track",
        "event_name": "Order Completed",
        "user_id": document["customer"]["id"],
        "timestamp": document["created_at"],
        "event_params": [{"key": key, "value": {kind: value}} for key, kind, value in params],
    }


def problem(bodies: Iterable[str], *, place: Iterable[str] = ("topic", "partition", "offset")) -> str:
    """The first thing wrong with bodies, each one event or an array; empty when all are as agreed."""
    try:
        events = [event for body in bodies for event in _events(body)]
        numbers = [_number(event) for event in events]
    except (msgspec.DecodeError, LookupError, TypeError, ValueError, StopIteration) as error:
        return f"no event of an order: {error!r}"
    if not events:
        return "no body to look at"
    documents = [order.document for order in orders(max(numbers) + 1)]
    found = (
        _difference(event, documents[number], set(place))
        for event, number in zip(events, numbers, strict=True)
    )
    return next(filter(None, found), "")


def _events(body: str) -> list[dict[str, Any]]:
    made = msgspec.json.decode(body)
    return made if isinstance(made, list) else [made]


def _number(event: Mapping[str, Any]) -> int:
    """Which order an event was made of."""
    order_id = next(
        param["value"]["string_value"] for param in event["event_params"] if param["key"] == "order_id"
    )
    return int(order_id.removeprefix("DH-"))


def _difference(event: Mapping[str, Any], document: Mapping[str, Any], place: set[str]) -> str:
    wanted = expected(document)
    context = event.get("context", {})
    if set(context) != place or any(type(context[key]) is not _PLACES[key] for key in place):
        return f"context is {context}, wanted are {sorted(place)}"
    if unknown := set(event) - set(wanted) - _EXTRA - {"context"}:
        return f"nobody asked for {sorted(unknown)}"
    for key, value in wanted.items():
        if event.get(key) != value:
            return f"{key} is {event.get(key)!r}, not {value!r}"
    return ""
