"""What the Event API's document says of a payload, as a check. Pure.

Source: Filum's HTTP Event API document (the table of properties and the table of values). Stricter than
the real server may be, so that a mistake shows in development: unknown properties are refused, but for
those that Filum's own SDKs send with every event.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

_REQUIRED = ("event_type", "event_name")
_SDK_TEXT = ("event_id", "original_timestamp", "sent_at", "received_at", "origin")
_KNOWN = frozenset(
    (*_REQUIRED, *_SDK_TEXT, "context", "timestamp", "anonymous_id", "user_id", "event_params")
)

_INT_MIN, _INT_MAX = -(2**63), 2**63 - 1
_ISO = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)(?:T(?P<minute>\d\d:\d\d)(?P<second>:\d\d)?(?:[.,]\d{1,9})?"
    r"(?P<zone>Z|[+-](?:[01]\d|2[0-3])(?::?[0-5]\d)?)?)?"
)


def problems_of(event: Any) -> list[str]:
    """All that is wrong with one payload; empty when it is acceptable. No value is repeated."""
    if not isinstance(event, dict):
        return ["an event must be an object"]
    found = [f"{name}: unknown property" for name in event if name not in _KNOWN]
    found += [f"{name}: required" for name in _REQUIRED if name not in event]
    found += _type_problems(event)
    found += _identity_problems(event)
    if "timestamp" in event and not is_iso_time(event["timestamp"]):
        found.append("timestamp: must be an ISO-8601 date string")
    if not isinstance(event.get("context", {}), dict):
        found.append("context: must be an object")
    return found + _params_problems(event)


def is_iso_time(value: Any) -> bool:
    """ISO-8601 as the SDKs write it: a date, with or without time, seconds, fraction, zone."""
    match = _ISO.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return False
    try:
        datetime.fromisoformat(f"{match['date']}T{match['minute'] or '00:00'}{match['second'] or ':00'}")
    except ValueError:
        return False
    return True


def _type_problems(event: dict[str, Any]) -> list[str]:
    kind, name = event.get("event_type"), event.get("event_name")
    found = []
    if "event_type" in event and kind not in ("identify", "track"):
        found.append("event_type: must be identify or track")
    if "event_name" in event and (not isinstance(name, str) or not name.strip()):
        found.append("event_name: must be a non-empty string")
    elif kind == "identify" and name != "Identify" and "event_name" in event:
        found.append("event_name: must be Identify for an identify call")
    return found


def _identity_problems(event: dict[str, Any]) -> list[str]:
    """SDKs send null or empty text for the identifier they do not have."""
    ids = {name: event.get(name) for name in ("user_id", "anonymous_id")}
    found = [f"{name}: must be a string" for name, v in ids.items() if not isinstance(v, str | None)]
    if not found and not any(ids.values()):
        found.append("user_id, anonymous_id: one of them must be set")
    found += [
        f"{name}: must be a string" for name in _SDK_TEXT if not isinstance(event.get(name), str | None)
    ]
    return found


def _params_problems(event: dict[str, Any]) -> list[str]:
    items = event.get("event_params", [])
    if not isinstance(items, list):
        return ["event_params: must be an array"]
    is_sdk = "sent_at" in event
    found = []
    for index, item in enumerate(items):
        if problem := _item_problem(item, is_sdk):
            found.append(f"event_params[{index}]{problem}")
    return found


def _item_problem(item: Any, is_sdk: bool) -> str:
    if not isinstance(item, dict) or item.keys() != {"key", "value"}:
        return ": must be an object with key and value"
    if not isinstance(item["key"], str) or not item["key"]:
        return ".key: must be a non-empty string"
    value = item["value"]
    if not isinstance(value, dict) or len(value) != 1:
        return ".value: must have exactly one of string_value, int_value, double_value, datetime_value"
    ((kind, content),) = value.items()
    return _value_problem(kind, content, is_sdk)


def _value_problem(kind: str, content: Any, is_sdk: bool) -> str:
    if kind == "string_value":
        # filum-analytics-python 1.1.2 sends null for None; nobody else has a reason to.
        return (
            ""
            if isinstance(content, str) or (is_sdk and content is None)
            else f".value.{kind}: must be a string"
        )
    if kind == "int_value":
        good = isinstance(content, int) and not isinstance(content, bool) and _INT_MIN <= content <= _INT_MAX
        return "" if good else f".value.{kind}: must be an integer of 64 bits"
    if kind == "double_value":
        good = isinstance(content, int | float) and not isinstance(content, bool)
        return "" if good else f".value.{kind}: must be a number"
    if kind == "datetime_value":
        return "" if is_iso_time(content) else f".value.{kind}: must be an ISO-8601 date string"
    return ".value: must have exactly one of string_value, int_value, double_value, datetime_value"
