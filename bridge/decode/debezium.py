"""Debezium change events, with or without the schema wrapper of Kafka Connect's JSON converter.

A Decimal whose schema came along becomes exact decimal text. Dates and times stay as they are on the
wire: their unit depends on the connector's settings, so the rule says it (``time.ms``, ``time.us``).
Sources: Debezium "Change event values" and "Decimal types"; Kafka Connect ``Decimal`` (big-endian two's
complement of the unscaled value, scale in the schema's parameters).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from bridge.decode.json_body import Undecodable
from bridge.model import Filtered, Scope

_DECIMAL = "org.apache.kafka.connect.data.Decimal"
_VARIABLE_SCALE_DECIMAL = "io.debezium.data.VariableScaleDecimal"
_MAX_DECIMAL_BYTES = 1024
_MAX_SCALE = 10_000


def unwrap(value: Any) -> Scope | Filtered:
    """The row of a change event: ``after``, on a delete ``before``.

    Raises:
        Undecodable: no change event, or a Decimal that contradicts its schema.
    """
    payload, schema = _payload(value)
    if payload is None:
        return Filtered("tombstone")
    op = payload.get("op") if isinstance(payload, dict) else None
    if not isinstance(op, str) or not op:
        raise Undecodable("no change event: `op` is missing")
    if schema is not None:
        try:
            payload = _typed(payload, schema)
        except RecursionError:
            raise Undecodable("the schema is nested too deep") from None
    before, after = payload.get("before"), payload.get("after")
    if after is None and op in ("c", "r", "u"):
        raise Undecodable(f"no change event: `op` is {op} and `after` is missing")
    return Scope(before if op == "d" else after, before=before, op=op, source=payload.get("source"))


def _payload(value: Any) -> tuple[Any, dict[str, Any] | None]:
    if not (isinstance(value, dict) and value.keys() == {"schema", "payload"}):
        return value, None
    schema = value["schema"]
    return value["payload"], schema if isinstance(schema, dict) else None


def _typed(value: Any, schema: dict[str, Any]) -> Any:
    """The value with its Decimals as text; parts without any are shared, not copied."""
    if value is None:
        return None
    convert = _NAMED.get(schema.get("name") or "")
    if convert is not None:
        return convert(value, schema)
    kind = schema.get("type")
    if kind == "struct" and isinstance(value, dict):
        return _struct(value, schema)
    if kind == "array" and isinstance(value, list) and isinstance(schema.get("items"), dict):
        return [_typed(item, schema["items"]) for item in value]
    if kind == "map" and isinstance(value, dict) and isinstance(schema.get("values"), dict):
        return {key: _typed(item, schema["values"]) for key, item in value.items()}
    return value


def _struct(value: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    typed = dict(value)
    for field in schema.get("fields") or ():
        name = field.get("field") if isinstance(field, dict) else None
        if name in typed:
            typed[name] = _typed(typed[name], field)
    return typed


def _decimal(value: Any, schema: dict[str, Any]) -> Any:
    if not isinstance(value, str):
        # `decimal.format: NUMERIC` of the converter: the wire holds a number, and numbers stay.
        return value
    parameters = schema.get("parameters")
    return _decimal_text(value, parameters.get("scale") if isinstance(parameters, dict) else None)


def _variable_scale_decimal(value: Any, schema: dict[str, Any]) -> Any:
    if not isinstance(value, dict):
        raise Undecodable("a variable scale decimal is not an object")
    return _decimal_text(value.get("value"), value.get("scale"))


_NAMED: dict[str, Callable[[Any, dict[str, Any]], Any]] = {
    _DECIMAL: _decimal,
    _VARIABLE_SCALE_DECIMAL: _variable_scale_decimal,
}


def _decimal_text(encoded: Any, scale: Any) -> str:
    try:
        digits = base64.b64decode(encoded, validate=True)
        exponent = -int(scale)
    except (binascii.Error, ValueError, TypeError):
        raise Undecodable("a decimal contradicts its schema") from None
    if not digits or len(digits) > _MAX_DECIMAL_BYTES or abs(exponent) > _MAX_SCALE:
        raise Undecodable("a decimal is empty or too long")
    unscaled = Decimal(int.from_bytes(digits, "big", signed=True)).as_tuple()
    return format(Decimal((unscaled.sign, unscaled.digits, exponent)), "f")
