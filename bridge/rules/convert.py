"""Values of expressions → values of the payload, or a fault. Pure; design §5a, "Parameters" to "Context".

Each function takes what an expression gave. ``None`` as an answer means: leave the property out.
"""

from __future__ import annotations

from datetime import datetime
from itertools import count
from math import isfinite
from typing import Any
from zoneinfo import ZoneInfo

from bridge.rules.cel.faults import EvalFault
from bridge.rules.cel.values import INT_MAX, INT_MIN, Optional, Uint, kind_of
from bridge.rules.times import WIRE_CHARS, NoTime, format_time, instant, milliseconds, timestamp_of

_HINTS = {
    "list": "join it, or use json.encode(…)",
    "map": "use json.encode(…)",
    "int": "use string(…)",
    "double": "use string(…)",
    "bool": "use string(…)",
    "timestamp": "use string(…) or declare datetime",
}


def to_string(value: Any) -> str | None:
    """Text only."""
    if value.__class__ is Optional:
        value = value.content if value.present else None
    if value is None or value.__class__ is str:
        return value
    hint = _HINTS.get(kind_of(value))
    raise EvalFault(_misfit("string", value) + (f" ({hint})" if hint else ""), "type")


def to_int(value: Any) -> int | None:
    """An int, or a bool as 1 or 0; 64 bits."""
    if value.__class__ is Optional:
        value = value.content if value.present else None
    if value is None:
        return None
    if value.__class__ is bool or value.__class__ is Uint:
        value = int(value)
    if value.__class__ is not int:
        raise EvalFault(_misfit("int", value), "type")
    if not INT_MIN <= value <= INT_MAX:
        raise EvalFault("int beyond 64 bits", "overflow")
    return value


def to_double(value: Any) -> float | None:
    """A double or an int; neither NaN nor infinite."""
    if value.__class__ is Optional:
        value = value.content if value.present else None
    if value is None:
        return None
    if value.__class__ is int or value.__class__ is Uint:
        if not INT_MIN <= value <= INT_MAX:
            raise EvalFault("int beyond 64 bits", "overflow")
        value = float(value)
    if value.__class__ is not float:
        raise EvalFault(_misfit("double", value), "type")
    if not isfinite(value):
        raise EvalFault("NaN and infinity cannot be sent", "type")
    return value


def to_datetime(value: Any, zone: ZoneInfo | None) -> str | None:
    """A timestamp or ISO text, in the wire form."""
    if value.__class__ is Optional:
        value = value.content if value.present else None
    if value is None:
        return None
    if value.__class__ is datetime:
        return format_time(value)
    if value.__class__ is not str:
        raise EvalFault(_misfit("datetime", value), "type")
    try:
        if len(value) == WIRE_CHARS:
            # In the wire form already, mostly: a look at what the payload's timestamp has been found to be.
            return timestamp_of(value, zone)[0]
        return format_time(instant(value, zone))
    except NoTime as error:
        raise EvalFault(str(error), "conversion") from None


def to_id(value: Any) -> str | None:
    """Text, or an int as text; empty text counts as none."""
    if value.__class__ is Optional:
        value = value.content if value.present else None
    if value.__class__ is str:
        return value or None
    if value is None:
        return None
    if value.__class__ is not int and value.__class__ is not Uint:
        raise EvalFault(_misfit("string or int", value), "type")
    if not INT_MIN <= value <= INT_MAX:
        raise EvalFault("int beyond 64 bits", "overflow")
    return str(value)


def to_timestamp(value: Any, zone: ZoneInfo | None) -> tuple[str, int] | None:
    """The payload's ``timestamp``, and the same in ms since 1970 UTC."""
    if value.__class__ is Optional:
        value = value.content if value.present else None
    if value is None:
        return None
    if value.__class__ is datetime:
        return format_time(value), milliseconds(value)
    if value.__class__ is not str:
        raise EvalFault(_misfit("timestamp or string", value), "type")
    try:
        return timestamp_of(value, zone)
    except NoTime as error:
        raise EvalFault(str(error), "conversion") from None


def to_json(value: Any) -> Any:
    """A value of ``context``: whatever JSON can say, timestamps in the wire form."""
    if value.__class__ is int and INT_MIN <= value <= INT_MAX:
        return value
    return _plain(value, count(1))


# A small value may hold another many times over; written out it would be without bounds.
_MAX_NODES = 2**16


def _plain(value: Any, nodes: count[int]) -> Any:
    if value.__class__ is Optional:
        value = value.content if value.present else None
    if next(nodes) > _MAX_NODES:
        raise EvalFault(f"a value of context has more than {_MAX_NODES} parts", "budget")
    kind = value.__class__
    if kind is str or value is None or kind is bool:
        return value
    if kind is int or kind is Uint:
        return to_int(value)
    if kind is float:
        return to_double(value)
    if kind is list:
        return [_plain(item, nodes) for item in value]
    if kind is dict:
        return {_key(key): _plain(item, nodes) for key, item in value.items()}
    if kind is datetime:
        return format_time(value)
    raise EvalFault(f"{kind_of(value)} has no place in JSON", "type")


def to_list(value: Any) -> list[Any]:
    """What ``for_each`` runs over; none and null are no elements."""
    if value.__class__ is Optional:
        value = value.content if value.present else None
    if value is None:
        return []
    if value.__class__ is not list:
        raise EvalFault(_misfit("list", value), "type")
    return value


def to_condition(value: Any) -> bool:
    """What ``when`` must be."""
    if value.__class__ is not bool:
        raise EvalFault(_misfit("bool", value), "type")
    return value


def _key(key: Any) -> str:
    if key.__class__ is not str:
        raise EvalFault("a key of a map in JSON must be a string", "type")
    return key


def _misfit(wanted: str, value: Any) -> str:
    return f"expected {wanted}, got {kind_of(value)}"
