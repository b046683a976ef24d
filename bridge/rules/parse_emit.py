"""One entry of ``emit``: the payload of the seed, property by property."""

from __future__ import annotations

import math
from typing import Any

from bridge.located_yaml import KeyPath
from bridge.rules.reader import Reader
from bridge.rules.rule import Emit, Expression, Kind, Parameter
from bridge.rules.times import wire_time
from bridge.rules.words import KINDS

EMIT_KEYS = (
    "event_type",
    "event_name",
    "user_id",
    "anonymous_id",
    "timestamp",
    "context",
    "event_params",
    "for_each",
)
_KINDS = tuple(kind.value for kind in Kind)
_LISTS = frozenset({"in", "of", "list", "over", "items", "array"})
_INT64 = range(-(2**63), 2**63)


def parse_emit(reader: Reader, value: Any, keypath: KeyPath, where: str) -> Emit | None:
    """Read one emit; its faults go to the reader."""
    item = reader.mapping(value, keypath, EMIT_KEYS, hint="an event begins with `- event_type: …`")
    if not isinstance(value, dict):
        return None
    event_type = _event_type(reader, item, keypath)
    each, index = _for_each(reader, item, keypath, where)
    ids = [
        reader.expression(item[key], (*keypath, key), f"{where}.{key}") if key in item else None
        for key in ("user_id", "anonymous_id")
    ]
    if "user_id" not in item and "anonymous_id" not in item:
        hint = 'who it is about, such as `user_id: "event.customer.id"`'
        reader.fault(keypath, "needs `user_id` or `anonymous_id`", hint)
    without, timestamp = _timestamp(reader, item, keypath, where)
    return Emit(
        event_type,
        _event_name(reader, item, keypath, event_type),
        where,
        each,
        index,
        ids[0],
        ids[1],
        timestamp,
        without,
        _context(reader, item.get("context", {}), (*keypath, "context"), where),
        _params(reader, item.get("event_params", {}), (*keypath, "event_params"), where),
    )


def _event_type(reader: Reader, item: dict[str, Any], keypath: KeyPath) -> str:
    if "event_type" not in item:
        reader.fault(keypath, "needs `event_type`", "identify or track")
        return ""
    return reader.one_of(item["event_type"], (*keypath, "event_type"), ("identify", "track")) or ""


def _event_name(reader: Reader, item: dict[str, Any], keypath: KeyPath, event_type: str) -> str:
    path = (*keypath, "event_name")
    if event_type == "identify":
        if "event_name" in item:
            problem = "the event_name of identify is Identify and cannot be set"
            reader.fault(path, problem, "leave it out, or say `event_type: track`", key=True)
        return "Identify"
    if "event_name" not in item:
        if event_type:
            reader.fault(keypath, "track needs an `event_name`", "such as Order Completed")
        return ""
    return reader.text(item["event_name"], path) or ""


def _for_each(
    reader: Reader, item: dict[str, Any], keypath: KeyPath, where: str
) -> tuple[Expression | None, str | None]:
    if "for_each" not in item:
        return None, None
    path = (*keypath, "for_each")
    value = item["for_each"]
    text = value if isinstance(value, str) else "event.items"
    if isinstance(value, dict) and "item" in value and (_LISTS & value.keys()):
        hint = f'write {{item: "{value[next(iter(_LISTS & value.keys()))]}"}}'
        reader.fault((*path, "item"), "`item` is the list; the element is always called `item`", hint)
        return None, None
    loop = reader.mapping(value, path, ("item", "index"), hint=f'write {{item: "{text}"}}')
    if isinstance(value, dict) and "item" not in loop:
        reader.fault(path, "needs `item`: the list", "the element is always called `item`")
    index = reader.text(loop["index"], (*path, "index")) if "index" in loop else None
    if "item" not in loop:
        return None, index
    return reader.expression(loop["item"], (*path, "item"), f"{where}.for_each.item"), index


def _timestamp(
    reader: Reader, item: dict[str, Any], keypath: KeyPath, where: str
) -> tuple[bool, Expression | None]:
    if "timestamp" not in item:
        return False, None
    if item["timestamp"] == "none":
        return True, None
    return False, reader.expression(item["timestamp"], (*keypath, "timestamp"), f"{where}.timestamp")


def _context(reader: Reader, value: Any, keypath: KeyPath, where: str) -> tuple[tuple[str, Expression], ...]:
    entries = []
    for key, text in reader.mapping(value, keypath, hint='write {trace_id: "event.?trace_id"}').items():
        expression = reader.expression(text, (*keypath, key), f"{where}.context.{key}")
        if expression is not None:
            entries.append((key, expression))
    return tuple(entries)


def _params(reader: Reader, value: Any, keypath: KeyPath, where: str) -> tuple[Parameter, ...]:
    found = []
    hint = 'one line a parameter, its name as the key: `Order Number: "event.number"`'
    for key, item in reader.mapping(value, keypath, hint=hint).items():
        if not key.strip():
            reader.fault((*keypath, key), "a parameter needs a name", "such as Order Number", key=True)
        parameter = _param(reader, key, item, (*keypath, key), f"{where}.event_params.{key}")
        if parameter is not None:
            found.append(parameter)
    return tuple(found)


def _param(reader: Reader, key: str, value: Any, keypath: KeyPath, where: str) -> Parameter | None:
    if not isinstance(value, dict):
        expression = reader.expression(value, keypath, where)
        return Parameter(key, Kind.STRING, expression) if expression else None
    known = len(reader.errors)
    if "type" in value and "value" in value:
        hint = f'write {{{KINDS.get(str(value["type"]), value["type"])}: "…"}}'
        reader.fault(keypath, "the kind of a parameter is the key of its expression", hint)
        return None
    item = reader.mapping(value, keypath, (*_KINDS, "default"), meant=KINDS)
    kinds = [kind for kind in _KINDS if kind in item]
    if len(kinds) != 1:
        if len(reader.errors) == known:
            hint = f"{' and '.join(kinds)} are there" if kinds else 'such as {double: "event.total"}'
            reader.fault(keypath, f"needs exactly one of {', '.join(_KINDS)}", hint)
        return None
    kind = Kind(kinds[0])
    expression = reader.expression(item[kind], (*keypath, kind.value), where)
    default = _default(reader, item["default"], kind, (*keypath, "default")) if "default" in item else None
    return Parameter(key, kind, expression, default) if expression else None


def _default(reader: Reader, value: Any, kind: Kind, keypath: KeyPath) -> str | int | float | None:
    """A literal, as it goes on the wire."""
    wire = _wire_default(value, kind)
    if wire is None:
        reader.misfit(value, keypath, f"this default is no {kind}", _default_hint(value, kind))
    return wire


def _default_hint(value: Any, kind: Kind) -> str:
    """The remedy; a default is a literal, never an expression."""
    if value is None or isinstance(value, dict | list):
        return "leave it out: what is missing is left out of the event"
    if kind is Kind.STRING:
        return "put it in quotes"
    if kind is Kind.DATETIME:
        return 'a default is a literal: an ISO time with offset in quotes, such as "2024-01-01T00:00:00Z"'
    if isinstance(value, str):
        number = value.strip().lstrip("0") or "0"
        plain = number.replace(".", "", 1).lstrip("-").isdigit()
        return (
            f"write {number} without quotes and leading zeros" if plain else "a default is a literal number"
        )
    return "a whole number of 64 bits" if kind is Kind.INT else "a finite number, such as 0"


def _wire_default(value: Any, kind: Kind) -> str | int | float | None:
    if kind is Kind.STRING:
        return value if isinstance(value, str) else None
    if kind is Kind.DATETIME:
        return wire_time(value) if isinstance(value, str) else None
    if isinstance(value, bool):
        return int(value) if kind is Kind.INT else None
    if kind is Kind.INT:
        return value if isinstance(value, int) and value in _INT64 else None
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None
