"""Protobuf message → plain values, by a plan made once for each message type.

Field names are those of the ``.proto`` file. A field without presence (proto3, not ``optional``) that is
unset has its default; one with presence (messages, ``optional``, oneofs, proto2) is absent. 64-bit integers
stay ints, ``bytes`` bytes; an enum is its name, a number without a name that number. Well-known types are
what their JSON form is: ``Timestamp`` and ``Duration`` text, wrappers their value, ``Struct`` a map.
Source: Protocol Buffers, "Field presence" and "ProtoJSON format".
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

Convert = Callable[[Any], Any]

_WRAPPERS = ("Double", "Float", "Int64", "UInt64", "Int32", "UInt32", "Bool", "String", "Bytes")
_MAX_DECIMAL_BYTES = 1024
_MAX_SCALE = 10_000


class Plans:
    """The plans of one descriptor pool; recursive types refer to plans under construction."""

    def __init__(self) -> None:
        self._made: dict[str, Convert] = {}

    def of(self, message: Descriptor) -> Convert:
        """How messages of this type become values."""
        known = _WELL_KNOWN.get(message.full_name) or self._made.get(message.full_name)
        if known is not None:
            return known
        fields: list[tuple[str, bool, Convert | None]] = []

        def convert(found: Any) -> dict[str, Any]:
            value = {}
            for name, has_presence, convert_field in fields:
                if has_presence and not found.HasField(name):
                    continue
                item = getattr(found, name)
                value[name] = item if convert_field is None else convert_field(item)
            return value

        self._made[message.full_name] = convert
        fields += [(field.name, field.has_presence, self._of_field(field)) for field in message.fields]
        return convert

    def _of_field(self, field: FieldDescriptor) -> Convert | None:
        if _is_map(field):
            return _map(self._of_one(field.message_type.fields_by_name["value"]))
        one = self._of_one(field)
        return _list(one) if field.is_repeated else one

    def _of_one(self, field: FieldDescriptor) -> Convert | None:
        """None: the value is plain as it is."""
        if field.enum_type is not None:
            return _enum(field.enum_type)
        return None if field.message_type is None else self.of(field.message_type)


def _is_map(field: FieldDescriptor) -> bool:
    kind = field.message_type
    return kind is not None and kind.GetOptions().map_entry


def _map(convert: Convert | None) -> Convert:
    if convert is None:
        return dict
    return lambda found: {key: convert(item) for key, item in found.items()}


def _list(convert: Convert | None) -> Convert:
    if convert is None:
        return list
    return lambda found: [convert(item) for item in found]


def _enum(enum: EnumDescriptor) -> Convert:
    names = {value.number: value.name for value in reversed(enum.values)}
    return lambda number: names.get(number, number)


# Well-known types


def _json_text(found: Any) -> str:
    """Out of its range it raises ``ValueError``."""
    return str(found.ToJsonString())


def _wrapped(found: Any) -> Any:
    return found.value


def _struct(found: Any) -> dict[str, Any]:
    return {key: _value(item) for key, item in found.fields.items()}


def _values(found: Any) -> list[Any]:
    return [_value(item) for item in found.values]


def _value(found: Any) -> Any:
    kind = found.WhichOneof("kind")
    if kind == "struct_value":
        return _struct(found.struct_value)
    if kind == "list_value":
        return _values(found.list_value)
    return None if kind in (None, "null_value") else getattr(found, kind)


def _decimal(found: Any) -> str:
    """Confluent's decimal: two's complement of the unscaled value, big-endian."""
    if not 0 < len(found.value) <= _MAX_DECIMAL_BYTES or abs(found.scale) > _MAX_SCALE:
        raise ValueError("a decimal is empty or too long")
    unscaled = Decimal(int.from_bytes(found.value, "big", signed=True)).as_tuple()
    return format(Decimal((unscaled.sign, unscaled.digits, -found.scale)), "f")


_WELL_KNOWN: dict[str, Convert] = {
    "google.protobuf.Timestamp": _json_text,
    "google.protobuf.Duration": _json_text,
    "google.protobuf.Struct": _struct,
    "google.protobuf.Value": _value,
    "google.protobuf.ListValue": _values,
    "confluent.type.Decimal": _decimal,
    **{f"google.protobuf.{name}Value": _wrapped for name in _WRAPPERS},
}
