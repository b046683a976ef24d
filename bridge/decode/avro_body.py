"""Avro binary → plain values. The only user of fastavro.

A number stays the number of the wire: a ``long`` with ``timestamp-millis`` is an int, and the rule says its
unit (``time.ms``). Only what neither number nor text can be is made something: ``decimal`` becomes exact
decimal text (Debezium's variable scale too), a ``uuid`` of sixteen bytes its text. ``fixed`` and ``bytes``
are bytes, enums text, unions the value of their branch. Source: Apache Avro 1.12, logical types.

fastavro's compiled reader recurses on the C stack without a bound, and a deep value of a recursive schema
ends the process. Such schemas are read by its Python reader, which ends in a RecursionError.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Mapping
from decimal import Decimal
from io import BytesIO
from typing import Any

import fastavro
from fastavro import _read_py as python_reader
from fastavro import read as compiled_reader
from fastavro.repository.base import AbstractSchemaRepository, SchemaRepositoryError
from fastavro.schema import SchemaParseException, load_schema

from bridge.decode.avro_schema import MAX_SCALE, Shape, full_name, plain_schema
from bridge.decode.json_body import Undecodable, nests_deeper
from bridge.decode.schema import Read, Schema, library_says

_MAX_DECIMAL_BYTES = 1024
_CONTRADICTIONS = (
    *(EOFError, IndexError, KeyError, ValueError, TypeError, OverflowError, AttributeError),
    *(struct.error, MemoryError),
)


def avro_reader(schema: Schema, max_depth: int) -> Read:
    """How bodies of this schema are read.

    Args:
        schema: its text and those it refers to.
        max_depth: deepest nesting of a value that is allowed.

    Raises:
        Undecodable: no Avro schema, or one that cannot be read within bounds.
    """
    parsed = _parsed(schema)
    if parsed in ("bytes", {"type": "bytes"}):
        return bytes  # Confluent's serializers write bare bytes as they are, without Avro's length
    try:
        shape = Shape(parsed)
    except RecursionError:
        raise Undecodable("the schema nests too deep") from None
    if shape.depth > max_depth:
        raise Undecodable(f"its values nest {shape.depth} deep, limits.json_depth is {max_depth}")
    return _reader(parsed, max_depth if shape.is_recursive else None)


def _reader(parsed: Any, max_depth: int | None) -> Read:
    """A reader; with ``max_depth`` the careful one."""
    reader = compiled_reader.schemaless_reader if max_depth is None else python_reader.schemaless_reader

    def read(data: bytes) -> Any:
        stream = BytesIO(data)
        try:
            value = reader(stream, parsed, None)
        except RecursionError:
            raise Undecodable("the body nests too deep") from None
        except _CONTRADICTIONS as error:
            raise Undecodable(f"the body contradicts its schema ({type(error).__name__})") from None
        if left := len(data) - stream.tell():
            raise Undecodable(f"the body contradicts its schema ({left} bytes are left over)")
        if max_depth is not None and nests_deeper(value, max_depth):
            raise Undecodable(f"the body nests deeper than {max_depth}")
        return value

    return read


# Schema


class _References(AbstractSchemaRepository):
    """The named schemas that a schema refers to."""

    def __init__(self, schemas: Mapping[str, Any]) -> None:
        self._schemas = schemas

    def load(self, name: str) -> Any:
        return self._schemas.get(name)


def _parsed(schema: Schema) -> Any:
    schemas: dict[str, Any] = {}
    for name, text in schema.references:
        schemas[name] = node = plain_schema(text)
        schemas.setdefault(full_name(node) or name, node)
    root = schemas["$root"] = plain_schema(schema.text)
    try:
        if schema.references:
            return load_schema("$root", repo=_References(schemas))
        return fastavro.parse_schema(root)
    except (SchemaParseException, SchemaRepositoryError) as error:
        raise Undecodable(f"no Avro schema: {library_says(error)}") from None
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise Undecodable(f"no Avro schema ({type(error).__name__})") from None


# Logical types: fastavro asks by the Avro type and our name


def _decimal(data: bytes, schema: Mapping[str, Any] | None, _: Any = None) -> str:
    return _decimal_text(data, (schema or {}).get("scale", 0))


def _variable_decimal(data: Mapping[str, Any], *_: Any) -> str:
    return _decimal_text(data["value"], data["scale"])


def _decimal_text(digits: bytes, scale: int) -> str:
    if not 0 < len(digits) <= _MAX_DECIMAL_BYTES or abs(scale) > MAX_SCALE:
        raise ValueError("a decimal is empty or too long")
    unscaled = Decimal(int.from_bytes(digits, "big", signed=True)).as_tuple()
    return format(Decimal((unscaled.sign, unscaled.digits, -scale)), "f")


def _uuid(data: bytes, *_: Any) -> str:
    return str(uuid.UUID(bytes=data))


compiled_reader.LOGICAL_READERS.update(
    {
        "bytes-bridge-decimal": _decimal,
        "fixed-bridge-decimal": _decimal,
        "record-bridge-variable-decimal": _variable_decimal,
        "fixed-bridge-uuid": _uuid,
    }
)
