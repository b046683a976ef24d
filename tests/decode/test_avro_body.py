"""Avro: which value a rule sees for each type, and what bytes cannot do."""

from __future__ import annotations

import json
import math
import struct
import time
from decimal import Decimal
from io import BytesIO
from typing import Any
from uuid import UUID

import fastavro
import pytest

from bridge.decode.avro_body import avro_reader
from bridge.decode.json_body import Undecodable
from bridge.decode.schema import Schema

UUID_TEXT = "89791762-2336-42a8-9ac9-3d9a1c4f6b0e"


def written(schema: Any, value: Any) -> bytes:
    """The value as a producer writes it: with the types of Avro, not ours."""
    stream = BytesIO()
    fastavro.schemaless_writer(stream, fastavro.parse_schema(schema), value)
    return stream.getvalue()


def read(schema: Any, data: bytes, *references: tuple[str, Any], max_depth: int = 200) -> Any:
    texts = tuple((name, json.dumps(reference)) for name, reference in references)
    return avro_reader(Schema("AVRO", json.dumps(schema), texts), max_depth)(data)


def logical(kind: Any, logical_name: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "logicalType": logical_name, **more}


@pytest.mark.parametrize(
    ("schema", "given", "seen"),
    [
        ("null", None, None),
        ("boolean", True, True),
        ("long", 2**63 - 1, 2**63 - 1),
        ("double", 2.5, 2.5),
        ("string", "Hà Nội", "Hà Nội"),
        ("bytes", b"", b""),
        ({"type": "fixed", "name": "F", "size": 2}, b"\x00\xff", b"\x00\xff"),
        ({"type": "enum", "name": "E", "symbols": ["NEW", "PAID"]}, "PAID", "PAID"),
        ({"type": "array", "items": "int"}, [1, 2], [1, 2]),
        ({"type": "map", "values": "string"}, {"a": "b"}, {"a": "b"}),
        (["null", "string"], "x", "x"),
        (logical("long", "timestamp-millis"), 1_700_000_000_123, 1_700_000_000_123),
        (logical("long", "timestamp-micros"), 1_700_000_000_123_456, 1_700_000_000_123_456),
        (logical("long", "timestamp-nanos"), 1, 1),
        (logical("long", "local-timestamp-millis"), 5, 5),
        (logical("long", "local-timestamp-micros"), 5, 5),
        (logical("int", "date"), 19_000, 19_000),
        (logical("int", "time-millis"), 1, 1),
        (logical("long", "time-micros"), 1, 1),
        (logical("bytes", "decimal", precision=9, scale=2), Decimal("12.50"), "12.50"),
        (logical("bytes", "decimal", precision=9, scale=2), Decimal("-0.01"), "-0.01"),
        (logical("bytes", "decimal", precision=9), Decimal(7), "7"),
        (logical("fixed", "decimal", name="D", size=8, precision=9, scale=4), Decimal("1.0000"), "1.0000"),
        (logical("string", "uuid"), UUID(UUID_TEXT), UUID_TEXT),
    ],
)
def test_each_type_has_its_value(schema: Any, given: Any, seen: Any) -> None:
    """Numbers stay numbers, a decimal is exact text; never an object that a rule knows nothing of."""
    record = {"type": "record", "name": "R", "fields": [{"name": "f", "type": schema}]}
    data = written(record, {"f": given})
    value = read(record, data)["f"]

    assert (value, type(value)) == (seen, type(seen))


def test_a_uuid_of_sixteen_bytes_is_its_text() -> None:
    """Avro 1.12 allows both forms."""
    assert read(logical("fixed", "uuid", name="U", size=16), UUID(UUID_TEXT).bytes) == UUID_TEXT


def test_debeziums_variable_scale_is_decimal_text() -> None:
    """A NUMERIC column without a scale."""
    schema = {
        "type": "record",
        "name": "VariableScaleDecimal",
        "namespace": "io.debezium.data",
        "fields": [{"name": "scale", "type": "int"}, {"name": "value", "type": "bytes"}],
        "connect.name": "io.debezium.data.VariableScaleDecimal",
    }

    assert read(schema, written(schema, {"scale": 3, "value": b"\x04\xd2"})) == "1.234"


def test_nan_passes() -> None:
    """It is a value of the type; a parameter refuses it."""
    assert math.isnan(read("double", struct.pack("<d", math.nan)))


def test_bare_bytes_have_no_length() -> None:
    """Confluent's serializers write a schema of just ``bytes`` as it is."""
    assert read("bytes", b"\x01\x02") == read({"type": "bytes"}, b"\x01\x02") == b"\x01\x02"


def test_references_are_found_by_name() -> None:
    """One of them builds on another, and is used twice."""
    money = {
        "type": "record",
        "name": "Money",
        "namespace": "shop",
        "fields": [{"name": "units", "type": logical("bytes", "decimal", precision=9, scale=2)}],
    }
    line = {"type": "record", "name": "shop.Line", "fields": [{"name": "price", "type": "shop.Money"}]}
    order = {
        "type": "record",
        "name": "shop.Order",
        "fields": [{"name": "total", "type": "shop.Money"}, {"name": "line", "type": "shop.Line"}],
    }
    data = b"\x02\x07" + b"\x02\x09"

    assert read(order, data, ("shop.Money", money), ("shop.Line", line)) == {
        "total": {"units": "0.07"},
        "line": {"price": {"units": "0.09"}},
    }


@pytest.mark.parametrize(
    ("schema", "data"),
    [
        ("string", b"\x04a"),
        ("string", b"\x04\xff\xfe"),
        ("string", b"\x80\x80\x80\x80\x80\x80\x80\x80\x40"),
        ("string", b"\x01"),
        ("long", b"\xff" * 20),
        ("double", b"abc"),
        ("boolean", b""),
        (["null", "string"], b"\x08"),
        ({"type": "enum", "name": "E", "symbols": ["A"]}, b"\x08"),
        ({"type": "array", "items": "int"}, b"\x80\x80\x80\x80\x80\x80\x80\x80\x40"),
        (logical("bytes", "decimal", precision=9, scale=2), b"\x00"),
        ("int", b"\x02junk"),
    ],
)
def test_bytes_that_contradict_the_schema_are_undecodable(schema: Any, data: bytes) -> None:
    """Cut off, out of range, or with something left over; the reason shows none of them."""
    with pytest.raises(Undecodable, match="contradicts its schema") as told:
        read(schema, data)
    assert "junk" not in str(told.value)


@pytest.mark.parametrize(
    "text",
    ["", "{", '{"type": "record"}', '"shop.Unheard"', '{"type":"array","items":"null"}', "[" * 400, "7"],
)
def test_a_schema_that_is_none_is_undecodable(text: str) -> None:
    """Also one whose lists could claim a billion elements in five bytes."""
    with pytest.raises(Undecodable):
        avro_reader(Schema("AVRO", text), 200)


LIST = {"type": "record", "name": "L", "fields": [{"name": "next", "type": ["null", "L"]}]}


def test_a_recursive_schema_is_read() -> None:
    """A linked list."""
    assert read(LIST, b"\x02\x02\x00") == {"next": {"next": {"next": None}}}


@pytest.mark.parametrize("depth", [300, 5_000, 1_000_000])
def test_a_deep_value_does_not_end_the_process(depth: int) -> None:
    """The compiled reader of fastavro would, at some thousand levels."""
    with pytest.raises(Undecodable, match="nests"):
        read(LIST, b"\x02" * depth + b"\x00")


def test_a_schema_may_not_nest_deeper_than_bodies_may() -> None:
    """Said once for the schema, so that reading need not count."""
    nested: Any = "int"
    for _ in range(4):
        nested = {"type": "array", "items": nested}

    assert read(nested, b"\x00", max_depth=4) == []
    with pytest.raises(Undecodable, match=r"limits\.json_depth"):
        read(nested, b"\x00", max_depth=3)


def test_reading_costs_microseconds() -> None:
    """The schema is parsed once; the bound is wide, for machines under load."""
    record = {
        "type": "record",
        "name": "R",
        "fields": [{"name": f"f{n}", "type": ["null", "string"]} for n in range(20)],
    }
    data = written(record, {f"f{n}": "text" for n in range(20)})
    reader = avro_reader(Schema("AVRO", json.dumps(record)), 200)
    fastest = 1.0
    for _ in range(200):
        began = time.perf_counter()
        reader(data)
        fastest = min(fastest, time.perf_counter() - began)

    assert fastest < 0.0002
