"""Protobuf: from the text of a schema to the values that a rule sees."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from confluent_kafka.schema_registry.confluent.type import decimal_pb2
from google.protobuf import descriptor_pb2, duration_pb2, struct_pb2, timestamp_pb2, wrappers_pb2

from bridge.decode.json_body import Undecodable
from bridge.decode.protobuf_body import protobuf_reader
from bridge.decode.schema import Schema

DECIMAL: Any = decimal_pb2.Decimal  # type: ignore[attr-defined] # generated code without stubs

EVERYTHING = """
syntax = "proto3";
package shop.v1;  // a comment

import "common.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/wrappers.proto";
import "google/type/money.proto";
import "confluent/meta.proto";
import "confluent/type/decimal.proto";

option java_package = "vn.shop";

message Order {
  string id = 1 [(confluent.field_meta).doc = "who"];
  int64 total_units = 2;
  uint64 big = 3;
  bytes raw = 4;
  bool paid = 5;
  double rate = 6;
  Status status = 7;
  optional string note = 8;
  oneof pay { string card = 9; int32 cash = 10; }
  repeated Line lines = 11;
  map<string, Line> by_sku = 12;
  map<int32, string> names = 13;
  repeated int32 numbers = 14 [packed = false];
  Common common = 15;
  google.protobuf.Timestamp at = 16;
  google.protobuf.Duration took = 17;
  google.protobuf.Struct free = 18;
  google.protobuf.StringValue maybe = 19;
  google.type.Money money = 20;
  confluent.type.Decimal exact = 21;
  Order parent = 22;
  sint32 delta = 23;

  message Line { string sku = 1; Inner inner = 2; message Inner { int32 n = 1; } }
  enum Status { option allow_alias = true; UNKNOWN = 0; PAID = 1; SETTLED = 1; NEG = -1; }
  reserved 100 to 110;
}
message Other { string name = 1; }
service Orders { rpc Get(Order) returns (stream Other); }
"""
COMMON = 'syntax = "proto3"; package shop; message Common { string label = 1; }'
SCHEMA = Schema("PROTOBUF", EVERYTHING, (("common.proto", COMMON),))
DEFAULTS = {
    "id": "",
    "total_units": 0,
    "big": 0,
    "raw": b"",
    "paid": False,
    "rate": 0.0,
    "status": "UNKNOWN",
    "lines": [],
    "by_sku": {},
    "names": {},
    "numbers": [],
    "delta": 0,
}


def read(data: bytes, path: bytes = b"\x00", schema: Schema = SCHEMA, max_depth: int = 200) -> Any:
    return protobuf_reader(schema, max_depth)(path + data)


def field(number: int, data: bytes) -> bytes:
    """A field of bytes, text or message."""
    key = number << 3 | 2
    head = bytes([key]) if key < 0x80 else bytes([key & 0x7F | 0x80, key >> 7])
    return head + bytes([len(data)]) + data


def varint(number: int, value: bytes) -> bytes:
    """A field of a number, its varint given."""
    key = number << 3
    return (bytes([key]) if key < 0x80 else bytes([key & 0x7F | 0x80, key >> 7])) + value


def test_an_empty_message_has_its_defaults() -> None:
    """Fields with presence are absent: messages, ``optional``, members of a oneof."""
    assert read(b"") == DEFAULTS


@pytest.mark.parametrize(
    ("data", "name", "seen"),
    [
        (field(1, "Hà".encode()), "id", "Hà"),
        (varint(2, b"\xff" * 9 + b"\x01"), "total_units", -1),
        (varint(3, b"\xff" * 9 + b"\x01"), "big", 2**64 - 1),
        (field(4, b"\x00\xff"), "raw", b"\x00\xff"),
        (varint(5, b"\x01"), "paid", True),
        (varint(7, b"\x01"), "status", "PAID"),
        (varint(7, b"\xff" * 9 + b"\x01"), "status", "NEG"),
        (varint(7, b"\x2a"), "status", 42),
        (field(8, b""), "note", ""),
        (varint(10, b"\x00"), "cash", 0),
        (
            field(11, field(1, b"a") + field(2, varint(1, b"\x05"))),
            "lines",
            [{"sku": "a", "inner": {"n": 5}}],
        ),
        (field(12, field(1, b"k") + field(2, field(1, b"a"))), "by_sku", {"k": {"sku": "a"}}),
        (field(13, varint(1, b"\x07") + field(2, b"x")), "names", {7: "x"}),
        (varint(14, b"\x01") + varint(14, b"\x02"), "numbers", [1, 2]),
        (field(14, b"\x01\x02"), "numbers", [1, 2]),
        (field(15, field(1, b"c")), "common", {"label": "c"}),
        (varint(23, b"\x01"), "delta", -1),
        (field(22, b""), "parent", DEFAULTS),
        (
            field(16, timestamp_pb2.Timestamp(seconds=1_700_000_000, nanos=123_000_000).SerializeToString()),
            "at",
            "2023-11-14T22:13:20.123Z",
        ),
        (field(17, duration_pb2.Duration(seconds=3).SerializeToString()), "took", "3s"),
        (field(19, wrappers_pb2.StringValue(value="w").SerializeToString()), "maybe", "w"),
        (
            field(20, field(1, b"VND") + varint(2, b"\x05")),
            "money",
            {"currency_code": "VND", "units": 5, "nanos": 0},
        ),
        (field(21, DECIMAL(value=b"\x04\xd2", scale=2).SerializeToString()), "exact", "12.34"),
    ],
)
def test_each_field_has_its_value(data: bytes, name: str, seen: Any) -> None:
    """Names as in the file, whole numbers as they are, enums by name, well-known types as their JSON form."""
    value = read(data)

    assert (value[name], type(value[name])) == (seen, type(seen))


def test_a_struct_is_a_map() -> None:
    """With everything that JSON has."""
    struct = struct_pb2.Struct()
    struct.update({"a": [1, "x", None, True], "b": {"c": 2.5}})

    assert read(field(18, struct.SerializeToString()))["free"] == {
        "a": [1.0, "x", None, True],
        "b": {"c": 2.5},
    }


def test_the_path_says_which_message() -> None:
    """Another of the file, or one declared inside; the entries of maps count, as in protoc's descriptors."""
    assert read(field(1, b"n"), path=b"\x02\x02") == {"name": "n"}
    assert read(varint(1, b"\x05"), path=b"\x06\x00\x04\x00") == {"n": 5}
    with pytest.raises(Undecodable, match=r"no message at 0\.9"):
        read(b"", path=b"\x04\x00\x12")


def test_a_serialized_descriptor_gives_the_same() -> None:
    """What Confluent's registry answers when it is asked, and its Python serializer registers."""
    file = descriptor_pb2.FileDescriptorProto(
        name="x", package="p", syntax="proto3", dependency=["common.proto"]
    )
    message = file.message_type.add(name="M")
    message.field.add(name="common", number=1, label=1, type=11, type_name=".shop.Common")
    common = descriptor_pb2.FileDescriptorProto(name="y", package="shop", syntax="proto3")
    common.message_type.add(name="Common").field.add(name="label", number=1, label=1, type=9)
    text, reference = (base64.b64encode(one.SerializeToString()).decode() for one in (file, common))

    assert read(
        field(1, field(1, b"l")), schema=Schema("PROTOBUF", text, (("common.proto", reference),))
    ) == {"common": {"label": "l"}}


def test_proto2_has_presence_everywhere() -> None:
    """Also groups, which are messages in all but encoding; a required field that lacks is absent too."""
    text = """
    syntax = "proto2";
    message M {
      required string id = 1; optional int32 n = 2 [default = 5]; extensions 100 to 199;
      repeated group Item = 3 { optional string sku = 4; }
    }
    """
    schema = Schema("PROTOBUF", text)

    assert read(field(1, b"i"), schema=schema) == {"id": "i", "item": []}
    assert read(field(1, b"i") + b"\x1b\x22\x01s\x1c", schema=schema)["item"] == [{"sku": "s"}]
    assert read(b"", schema=schema) == {"item": []}


@pytest.mark.parametrize(
    "data", [b"\x0a", b"\xff", field(1, b"\xff\xfe"), field(16, varint(1, b"\xff" * 9 + b"\x01"))[:-3]]
)
def test_bytes_that_contradict_the_schema_are_undecodable(data: bytes) -> None:
    """Cut off, no tag, or no UTF-8."""
    with pytest.raises(Undecodable, match="contradicts its schema"):
        read(data)


def test_a_timestamp_out_of_range_contradicts_its_schema() -> None:
    """It has no text."""
    with pytest.raises(Undecodable, match="contradicts its schema"):
        read(field(16, varint(1, b"\xff" * 8 + b"\x7f")))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('syntax = "proto3"; mesage X { }', "1:20: mismatched"),
        ('syntax = "proto3"; message X { Unheard y = 1; }', "no Protobuf schema"),
        ('syntax = "proto3"; import "gone.proto"; message X { }', "none of its references"),
        ('syntax = "proto3"; import "google/protobuf/gone.proto"; message X { }', "nobody ships"),
        ('syntax = "proto3"; import "google/../os.proto"; message X { }', "none of its references"),
        ('edition = "2023"; message X { }', "editions"),
        ("AAAA", "no Protobuf schema"),
    ],
)
def test_a_schema_that_is_none_is_undecodable(
    text: str, reason: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """With its place; the parser prints nothing of its own."""
    with pytest.raises(Undecodable, match=reason):
        protobuf_reader(Schema("PROTOBUF", text), 200)
    assert capfd.readouterr() == ("", "")


def test_nesting_is_bounded() -> None:
    """By protobuf itself at 100 messages, and by ``limits.json_depth``."""
    text = 'syntax = "proto3"; message M { M m = 1; }'
    schema = Schema("PROTOBUF", text)
    data = b""
    for _ in range(20):
        data = field(1, data)
    deep = b"\x0a\xff\x01" * 200

    assert read(data, schema=schema)["m"]["m"]["m"]
    with pytest.raises(Undecodable, match="nests deeper than 10"):
        read(data, schema=schema, max_depth=10)
    with pytest.raises(Undecodable, match="contradicts"):
        read(deep, schema=schema)
