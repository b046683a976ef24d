"""The wrapper of Kafka Connect's JSON converter, and the Decimals that its schema tells.

A Decimal whose schema came along becomes exact decimal text. Dates and times stay as they are on the
wire: their unit depends on the connector's settings, so the rule says it (``time.ms``, ``time.us``).
Sources: Kafka Connect ``JsonConverter`` and ``Decimal`` (big-endian two's complement of the unscaled
value, scale in the schema's parameters); Debezium "Decimal types", ``VariableScaleDecimal``.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from bridge.decode.json_body import Undecodable

_DECIMAL = "org.apache.kafka.connect.data.Decimal"
_VARIABLE_SCALE_DECIMAL = "io.debezium.data.VariableScaleDecimal"
_MAX_DECIMAL_BYTES = 1024
_MAX_SCALE = 10_000


def unwrap_schema(value: Any) -> tuple[Any, dict[str, Any] | None]:
    """``{"schema": …, "payload": …}`` → payload and schema; anything else as it is, without a schema."""
    if not (isinstance(value, dict) and value.keys() == {"schema", "payload"}):
        return value, None
    schema = value["schema"]
    if not isinstance(schema, dict | None):
        return value, None
    return value["payload"], schema


def with_decimals(value: Any, schema: dict[str, Any] | None) -> Any:
    """The value with its Decimals as text.

    Raises:
        Undecodable: a Decimal contradicts its schema, or the schema is nested too deep.
    """
    if schema is None:
        return value
    try:
        return _typed(value, schema)
    except RecursionError:
        raise Undecodable("the schema is nested too deep") from None


def _typed(value: Any, schema: Any) -> Any:
    """Parts without any Decimal are shared, not copied."""
    if value is None or not isinstance(schema, dict):
        return value
    name, kind = schema.get("name"), schema.get("type")
    convert = _NAMED.get(name) if isinstance(name, str) else None
    if convert is not None:
        return convert(value, schema)
    if kind == "struct" and isinstance(value, dict):
        return _struct(value, schema)
    if kind == "array" and isinstance(value, list):
        return [_typed(item, schema.get("items")) for item in value]
    if kind == "map" and isinstance(value, dict):
        return {key: _typed(item, schema.get("values")) for key, item in value.items()}
    return value


def _struct(value: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    typed = dict(value)
    fields = schema.get("fields")
    for field in fields if isinstance(fields, list) else ():
        name = field.get("field") if isinstance(field, dict) else None
        if isinstance(name, str) and name in typed:
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
    except (binascii.Error, ValueError, TypeError, OverflowError):
        raise Undecodable("a decimal contradicts its schema") from None
    if not digits or len(digits) > _MAX_DECIMAL_BYTES or abs(exponent) > _MAX_SCALE:
        raise Undecodable("a decimal is empty or too long")
    unscaled = Decimal(int.from_bytes(digits, "big", signed=True)).as_tuple()
    return format(Decimal((unscaled.sign, unscaled.digits, exponent)), "f")
